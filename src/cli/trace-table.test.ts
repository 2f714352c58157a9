import assert from 'node:assert/strict';
import { test } from 'node:test';
import fc from 'fast-check';
import { sampleTrace } from '../../test/sample-rounds.ts';
import type { HopReply } from '../trace/trace.ts';
import { UNICODE_GLYPHS } from './glyphs.ts';
import { lineWidth, render } from './styled-text.ts';
import { type TableContext, traceTable } from './trace-table.ts';

const WIDE: TableContext = {
  columns: Number.POSITIVE_INFINITY,
  probesPerHop: 1,
  maxTtl: 30,
  timeoutMs: 10_000,
  modeText: 'why',
  factsOf: null,
  glyphs: UNICODE_GLYPHS,
};

function text(
  trace: Parameters<typeof traceTable>[0],
  context: Partial<TableContext> = {},
  pending = false,
): string {
  return traceTable(trace, { ...WIDE, ...context }, pending)
    .map((line) => `${render(line, false)}\n`)
    .join('');
}

const REPLY: HopReply = { flow: 0, address: '100.64.0.1', rttMs: 1, kind: 'time-exceeded' };

test('traceTable() lets nothing from the network move the cursor', () => {
  const name = 'eth0\x1b[2J\r\n';
  const replies = [{ ...REPLY, interfaces: [{ role: 'incoming', name } as const] }];
  const table = text(sampleTrace({ hops: [{ ttl: 1, sent: 1, replies }], note: 'odd\x07 note' }));
  assert.match(table, /in eth0\?\[2J\?\?\n/);
  assert.match(table, /note: odd\? note\n/);
});

test('traceTable() never writes a line wider than the terminal', () => {
  const trace = sampleTrace({
    target: 'a-rather-long-name.of-a-host.in-some-department.example.org',
    hops: [
      {
        ttl: 1,
        sent: 3,
        replies: [
          { ...REPLY, address: '2001:db8:aaaa:bbbb:cccc:dddd:eeee:ffff', kind: 'unreachable', code: 13 },
          { ...REPLY, address: '2001:db8::1', mpls: [{ label: 1, tc: 2, bottom: true, ttl: 3 }] },
        ],
      },
      { ttl: 2, sent: 3, replies: [] },
    ],
    note: 'a remark that goes on for a while, longer than most terminals are wide, so that it has to be broken',
  });
  fc.assert(
    fc.property(fc.integer({ min: 20, max: 200 }), fc.boolean(), (columns, pending) => {
      for (const line of traceTable(trace, { ...WIDE, probesPerHop: 3, columns }, pending)) {
        assert.ok(lineWidth(line) <= columns);
      }
    }),
    { seed: 4 },
  );
});

test('traceTable() shows silence as no replies of so many, and what is still awaited as such', () => {
  const hops = [
    { ttl: 1, sent: 3, replies: [REPLY, REPLY] },
    { ttl: 2, sent: 3, replies: [] },
    { ttl: 3, sent: 3, replies: [] },
  ];
  const trace = sampleTrace({ hops, reached: false, hopCount: 0, end: 'silent' });
  const done = text(trace, { probesPerHop: 3 });
  assert.match(done, /\n {2}1 {2}100\.64\.0\.1 {11}2\/3 /);
  assert.match(done, /\n {2}2 {2}\* {20}0\/3\n {2}3 {2}\* {20}0\/3\n/);
  assert.match(text(trace, { probesPerHop: 3 }, true), /\n {2}2 {2}\.\.\.\n$/);
});

test('traceTable() tells how much of a hop with several addresses went unanswered', () => {
  const replies = [REPLY, { ...REPLY, flow: 1, address: '100.64.0.2' }];
  const hops = [{ ttl: 1, sent: 4, replies }];
  const table = text(sampleTrace({ hops, flows: [0, 1] }), { probesPerHop: 4 });
  assert.match(table, /100\.64\.0\.1 +1\/4 .* flow 0 {2}2 unanswered\n {5}100\.64\.0\.2 +1\/4 .* flow 1\n/);
});

test('traceTable() gives a bounded number of rows to one hop', () => {
  const replies = Array.from({ length: 60 }, (_, i) => ({ ...REPLY, address: `100.64.0.${i}` }));
  const table = text(sampleTrace({ hops: [{ ttl: 1, sent: 60, replies }] }), { probesPerHop: 60 });
  assert.equal(table.match(/100\.64\.0\.\d+ /g)?.length, 16);
  assert.match(table, /and 44 more addresses +44\/60/);
});

test('traceTable() says how each trace ended', () => {
  const end = (more: Parameters<typeof sampleTrace>[0]): string =>
    text(sampleTrace({ reached: false, hopCount: 0, ...more }), { timeoutMs: 2500 });
  const silent = [{ ttl: 1, sent: 1, replies: [] }];
  assert.match(
    end({ end: 'silent' }),
    /\nnot reached: the last answer is from hop 4 \(198\.18\.0\.1\), then silence\n/,
  );
  assert.match(
    end({ end: 'silent', hops: silent }),
    /\nnot reached: no hop answered; a firewall may drop ICMP, try --protocol udp or tcp\n/,
  );
  assert.match(
    end({ end: 'deadline' }),
    /\nnot reached within 2s500ms: the last answer .*; try a longer --timeout\n/,
  );
  assert.match(end({ end: 'max-ttl' }), /\nnot reached within 30 hops: .*; try a larger --max-ttl\n/);
  assert.match(
    end({ end: 'send-failed', hops: silent, note: 'Cannot send: ENETUNREACH; check the routes' }),
    /\nnot reached: Cannot send: ENETUNREACH; check the routes\n/,
  );
  assert.match(end({ end: 'cancelled' }), /\ninterrupted: the last answer is from hop 4/);
});

test('traceTable() counts late and duplicate replies where there are any, and lost probes to the destination', () => {
  assert.match(
    text(sampleTrace({ late: 2, duplicates: 1 })),
    /\n4 probes in 22 ms, 2 late, 1 duplicate, path [0-9a-f]{12}\n/,
  );
  assert.match(
    text(sampleTrace(), { probesPerHop: 3 }),
    /\nreached in 4 hops, 1 of 3 probes answered, rtt 20\.125\/20\.125\/20\.125 ms best\/avg\/worst\n/,
  );
});
