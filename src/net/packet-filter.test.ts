import assert from 'node:assert/strict';
import { test } from 'node:test';
import { tcpPortProgram } from './packet-filter.ts';

/** What the kernel's interpreter does with the few instructions in use (linux/filter.h). */
function accepts(program: ReturnType<typeof tcpPortProgram>, packet: Uint8Array): boolean {
  const view = new DataView(packet.buffer, packet.byteOffset, packet.byteLength);
  let accumulator = 0;
  let index = 0;
  for (let at = 0; at < program.length; at++) {
    const [code, jumpTrue, jumpFalse, operand] = program[at] as (typeof program)[number];
    if (code === 0xb1) index = 4 * ((packet[operand] as number) & 0x0f);
    else if (code === 0x28) accumulator = view.getUint16(operand);
    else if (code === 0x48) accumulator = view.getUint16(index + operand);
    else if (code === 0x35) at += accumulator >= operand ? jumpTrue : jumpFalse;
    else return operand !== 0;
  }
  throw new Error('the program does not return');
}

function segment(headerLength: number, port: number): Uint8Array {
  const packet = new Uint8Array(headerLength + 20);
  packet[0] = 0x40 | (headerLength / 4);
  new DataView(packet.buffer).setUint16(headerLength + 2, port);
  return packet;
}

for (const headerLength of [20, 24, 60]) {
  test(`tcpPortProgram() takes our ports alone behind an IPv4 header of ${headerLength} bytes`, () => {
    const program = tcpPortProgram(4, 24_576, 25_598);
    const taken = [24_575, 24_576, 25_000, 25_598, 25_599].map((port) =>
      accepts(program, segment(headerLength, port)),
    );
    assert.deepEqual(taken, [false, true, true, true, false]);
  });
}

test('tcpPortProgram() takes our ports alone over IPv6, where packets start at the TCP header', () => {
  const program = tcpPortProgram(6, 24_576, 25_598);
  const taken = [24_575, 24_576, 25_598, 25_599].map((port) => accepts(program, segment(0, port)));
  assert.deepEqual(taken, [false, true, true, false]);
});
