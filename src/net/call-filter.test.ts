import assert from 'node:assert/strict';
import { spawnSync } from 'node:child_process';
import { test } from 'node:test';
import {
  ALLOW,
  CALL_DATA,
  callFilter,
  type Instruction,
  JUMP_ANY_BIT,
  JUMP_EQUAL,
  JUMP_GREATER_OR_EQUAL,
  LOAD_WORD,
  REFUSE,
  RETURN,
} from './call-filter.ts';
import { AUDIT_ARCH, FORBIDDEN_CALLS, numbersOf, type SystemCallArch } from './system-calls.ts';

const ARCHES: readonly SystemCallArch[] = ['x64', 'arm64', 'arm'];

/** What the kernel would make of a call. */
function judge(program: readonly Instruction[], arch: number, number: number, argument = 0): number {
  const data = new Map<number, number>([
    [CALL_DATA.number, number],
    [CALL_DATA.arch, arch],
    [CALL_DATA.argument, argument],
  ]);
  let value = 0;
  for (let at = 0; ; at++) {
    const [code, whenTrue, whenFalse, operand] = program[at] ?? assert.fail('ran off the end');
    if (code === RETURN) return operand;
    if (code === LOAD_WORD) {
      value = data.get(operand) ?? assert.fail('loads what is not there');
      continue;
    }
    const holds =
      code === JUMP_EQUAL
        ? value === operand
        : code === JUMP_GREATER_OR_EQUAL
          ? value >= operand
          : code === JUMP_ANY_BIT
            ? (value & operand) !== 0
            : assert.fail(`unknown instruction ${code}`);
    at += holds ? whenTrue : whenFalse;
  }
}

test('callFilter() refuses every forbidden call, and lets reading, sending and threads pass', () => {
  const harmless = { x64: [0, 1, 44, 271, 307], arm64: [63, 64, 73, 206, 269], arm: [3, 4, 290, 336, 374] };
  for (const arch of ARCHES) {
    const program = callFilter(arch);
    for (const number of numbersOf(FORBIDDEN_CALLS, arch))
      assert.equal(judge(program, AUDIT_ARCH[arch], number), REFUSE | 1, `${arch} ${number}`);
    for (const number of harmless[arch]) assert.equal(judge(program, AUDIT_ARCH[arch], number), ALLOW);
    assert.equal(judge(program, AUDIT_ARCH[arch], 435), REFUSE | 38);
    assert.ok(program.length < 4096);
  }
});

test('callFilter() lets sockets be of the internet, the host and netlink, and no packet sockets', () => {
  const socket = { x64: 41, arm64: 198, arm: 281 };
  for (const arch of ARCHES) {
    const verdict = (family: number): number =>
      judge(callFilter(arch), AUDIT_ARCH[arch], socket[arch], family);
    for (const family of [1, 2, 10, 16]) assert.equal(verdict(family), ALLOW);
    for (const family of [0, 3, 17, 38, 40, 44]) assert.equal(verdict(family), REFUSE | 97);
  }
});

test('callFilter() lets threads be made, and no namespaces', () => {
  const clone = { x64: 56, arm64: 220, arm: 120 };
  const thread = 0x3d0f00;
  for (const arch of ARCHES) {
    const verdict = (flags: number): number => judge(callFilter(arch), AUDIT_ARCH[arch], clone[arch], flags);
    assert.equal(verdict(thread), ALLOW);
    for (const flag of [0x20000, 0x02000000, 0x10000000, 0x40000000]) assert.equal(verdict(flag), REFUSE | 1);
  }
});

test('callFilter() refuses calls in another ABI, where numbers mean something else', () => {
  assert.equal(judge(callFilter('x64'), 0x4000_0003, 0), REFUSE | 38);
  assert.equal(judge(callFilter('x64'), AUDIT_ARCH.x64, 0x4000_0001), REFUSE | 38);
  assert.equal(judge(callFilter('arm64'), AUDIT_ARCH.arm, 3), REFUSE | 38);
});

test('confineProcess() reaches every thread there is, those from before and those to come', () => {
  const script = `
    import { readdirSync, readFileSync } from 'node:fs';
    import { readFile } from 'node:fs/promises';
    import { spawnSync } from 'node:child_process';
    import { Worker } from 'node:worker_threads';
    import koffi from 'koffi';
    import { confineProcess } from './src/net/least-privilege.ts';
    await readFile('/etc/passwd');
    const socket = koffi.load(null).func('int socket(int, int, int)');
    const { filter, effective } = confineProcess();
    const after = new Worker('setInterval(() => {}, 1000)', { eval: true });
    await new Promise((resolve) => after.once('online', resolve));
    const threads = readdirSync('/proc/self/task').map((id) => {
      const status = readFileSync('/proc/self/task/' + id + '/status', 'utf8');
      return [/NoNewPrivs:\\s*(\\d)/.exec(status)[1], /Seccomp:\\s*(\\d)/.exec(status)[1]].join();
    });
    const own = readFileSync('/proc/thread-self/status', 'utf8');
    console.log(JSON.stringify({
      filter, effective, threads: [...new Set(threads)], many: threads.length > 6,
      packet: socket(17, 3, 0), internet: socket(2, 2, 0) >= 0,
      exec: spawnSync('/bin/true').error?.code ?? 'ran',
      ambient: /CapAmb:\\s*(\\w+)/.exec(own)[1],
    }));
    process.exit(0);
  `;
  const { stdout, stderr } = spawnSync(
    process.execPath,
    ['--input-type=module-typescript', '--eval', script],
    { encoding: 'utf8', cwd: new URL('../..', import.meta.url) },
  );
  assert.notEqual(stdout, '', stderr);
  const found = JSON.parse(stdout) as Record<string, unknown>;
  assert.equal(found['filter'], 'in force');
  assert.deepEqual(found['threads'], ['1,2']);
  assert.equal(found['many'], true);
  assert.deepEqual([found['packet'], found['internet'], found['exec']], [-1, true, 'EPERM']);
  assert.equal(found['ambient'], '0000000000000000');
  // Root keeps what it reads files with.
  assert.deepEqual(found['effective'], process.getuid?.() === 0 ? [1, 2] : []);
});
