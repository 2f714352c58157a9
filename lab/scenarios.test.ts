import assert from 'node:assert/strict';
import { readdirSync } from 'node:fs';
import { join } from 'node:path';
import { describe, it } from 'node:test';
import type { Protocol } from '../src/trace/network.ts';
import { createProbeCodec } from '../src/trace/probe-codec.ts';
import { newReply } from '../src/trace/reply-decoder.ts';
import { familyOf, formatAddress, parseAddress } from '../src/wire/address.ts';
import type { FlowFields } from './flow-fields.ts';
import type { Scenario, WrittenPath } from './scenario.ts';
import { readScenario } from './scenario-file.ts';
import { createSimulator, type Simulator } from './simulator.ts';
import { sourceOf } from './timeline.ts';
import { graphOf, type TruthPath, truthOf } from './truth.ts';
import { eventsOf } from './truth-events.ts';

const FOLDER = join(import.meta.dirname, '../test/scenarios');
const PROTOCOLS: readonly Protocol[] = ['icmp', 'udp', 'tcp'];
const FLOWS = 24;
const MS = 1e6;
const codec = createProbeCodec({ secret: new Uint8Array(16).fill(7), identifierBase: 33_000 });
const reply = newReply();

function probe(
  scenario: Scenario,
  target: string,
  protocol: Protocol,
  flow: number,
  ttl: number,
): Uint8Array {
  const destination = parseAddress(target) as Uint8Array;
  const { v4, v6 } = sourceOf(scenario);
  const source = parseAddress(familyOf(destination) === 4 ? v4 : v6) as Uint8Array;
  const destinationPort = protocol === 'icmp' ? 0 : protocol === 'udp' ? 33_434 : 443;
  const rest = { sequence: ttl, packetLength: 0, trafficClass: 0, dontFragment: false };
  const into = new Uint8Array(256);
  const one = { handle: 1, destination, destinationPort, flow, ttl, ...rest };
  return into.slice(0, codec.encoder.encodePacket(one, protocol, source, into, 0));
}

/** Who answers this probe: patient with loss, budgets and balancers; empty where nobody ever does. */
function heard(simulator: Simulator, packet: Uint8Array, atMs: number, tries: number): Set<string> {
  const found = new Set<string>();
  for (let i = 0; i < tries; i++) {
    clockNs += 2000 * MS;
    simulator.seek(clockNs, atMs);
    for (const { bytes } of simulator.receive(packet, clockNs)) {
      const v4 = (bytes[0] as number) >> 4 === 4;
      const outcome = v4 ? codec.decoder.decodePacket4(bytes, 0, bytes.length, reply) : decode6(bytes);
      assert.equal(outcome, 'reply');
      found.add(formatAddress(reply.responder));
    }
    if (found.size > 0 && tries < 20) break;
  }
  return found;
}

let clockNs = 0;

function decode6(bytes: Uint8Array): string {
  const protocol = bytes[6] as number;
  return codec.decoder.decodeTransport6(
    protocol,
    bytes,
    40,
    bytes.length,
    bytes.slice(8, 24),
    bytes[7] as number,
    reply,
  );
}

function fits(path: TruthPath, written: WrittenPath): void {
  for (const { ttl, addresses } of path.hops) {
    const allowed = written.hops[ttl - 1];
    assert.notEqual(allowed, undefined, `hop ${ttl} is not written`);
    if (allowed === null || allowed === undefined) assert.deepEqual(addresses, [], `hop ${ttl}`);
    else {
      assert.notEqual(addresses.length, 0, `hop ${ttl} is silent`);
      for (const address of addresses)
        assert.ok([allowed].flat().includes(address), `hop ${ttl}: ${address}`);
    }
  }
  assert.equal(path.end === 'adrift' ? 'silent' : path.end, written.end);
  const end = written.end === 'silent' ? null : (written.endAddress ?? written.target);
  assert.equal(path.endAddress, end);
  const single = written.hops.every((hop) => typeof hop === 'string' || hop === null);
  if (single) assert.equal(path.hops.length, written.hops.length);
}

for (const file of readdirSync(FOLDER).sort()) {
  const scenario = readScenario(join(FOLDER, file));
  describe(`scenario ${scenario.name}`, () => {
    it('is named as its file', () => assert.equal(`${scenario.name}.json`, file));

    for (const written of scenario.truth?.paths ?? []) {
      const atMs = written.atMs ?? 0;
      for (const protocol of written.protocols ?? PROTOCOLS) {
        it(`truthOf() gives the written path of ${protocol} to ${written.target} at ${atMs} ms, and probes see it`, () => {
          const simulator = createSimulator(scenario, 1);
          for (let flow = 0; flow < FLOWS; flow++) {
            const path = truthOf(scenario, probe(scenario, written.target, protocol, flow, 1), atMs);
            fits(path, written);
            if (
              flow >= 4 &&
              path.hops.every((hop) => hop.addresses.length < 2) &&
              written.hops.every((hop) => !Array.isArray(hop))
            )
              break;
            for (const { ttl, addresses } of path.hops) {
              const tries = addresses.length > 1 ? 60 : 19;
              const found = heard(
                simulator,
                probe(scenario, written.target, protocol, flow, ttl),
                atMs,
                tries,
              );
              assert.deepEqual([...found].sort(), [...addresses].sort(), `flow ${flow}, TTL ${ttl}`);
            }
            if (path.end === 'adrift') continue;
            const endTtl = path.endTtl === 0 ? path.hops.length + 1 : path.endTtl;
            const found = heard(simulator, probe(scenario, written.target, protocol, flow, endTtl), atMs, 19);
            assert.deepEqual([...found], path.endAddress === null ? [] : [path.endAddress]);
          }
        });
      }

      it(`graphOf() holds what is written of ${written.target} at ${atMs} ms, and no more`, () => {
        const protocol = written.protocols?.[0] ?? 'icmp';
        const { hops } = graphOf(scenario, { target: written.target, protocol }, atMs);
        for (const [i, expected] of written.hops.entries()) {
          const known = (hops[i] ?? []).filter(
            (address) => address !== written.target && !address.startsWith('?'),
          );
          const wanted = expected === null ? [] : [expected].flat();
          if (scenario.routers['r3']?.aliases === undefined) assert.deepEqual(known, [...wanted].sort());
        }
      });
    }

    if (scenario.truth?.events !== undefined) {
      const targets = new Set(scenario.truth.events.map((event) => event.target));
      for (const target of targets) {
        it(`eventsOf() gives the written events of ${target}`, () => {
          const flows = [1, 2, 3, 4].map(
            (flow): FlowFields => ({ target, protocol: 'icmp', checksum: flow * 0x1234 }),
          );
          const events = eventsOf(scenario, flows).map(({ kind, firstHop, atMs }) => ({
            target,
            atMs,
            kind,
            firstHop,
          }));
          assert.deepEqual(
            events,
            scenario.truth?.events?.filter((event) => event.target === target),
          );
        });
      }
    }
  });
}
