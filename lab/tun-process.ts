// The simulated internet behind a TUN device: started inside a network namespace, it configures the device, answers
// what is routed into it, and obeys commands, one JSON object a line, on standard input. It ends with its parent.
// Real time exists only here: one blocking loop that reads packets, holds replies back, and writes them when due.

import { execFileSync } from 'node:child_process';
import { closeSync, openSync, readSync, writeFileSync, writeSync } from 'node:fs';
import { setPriority } from 'node:os';
import { parseArgs } from 'node:util';
import { DeliveryQueue } from './delivery-queue.ts';
import { ProbeLog } from './probe-log.ts';
import type { Scenario } from './scenario.ts';
import { readScenario } from './scenario-file.ts';
import { parseChange, parseScenario } from './scenario-schema.ts';
import { createSimulator, type Simulator } from './simulator.ts';
import { sourceOf } from './timeline.ts';
import { openTun, type TunDevice } from './tun-device.ts';
import { warmUp } from './warm-up.ts';

const STDIN = 0;
const STDOUT = 1;
const QUEUE_CAPACITY = 65536;
const READ_BATCH = 64;

interface Options {
  readonly scenario: string | undefined;
  readonly seed: number;
  readonly log: string | undefined;
  readonly device: string;
  readonly mtu: number;
  /** Waits shorter than this are spent polling: a sleep takes about as long to wake from. */
  readonly spinUs: number;
}

class TunLoop {
  readonly #device: TunDevice;
  readonly #queue: DeliveryQueue;
  readonly #log: ProbeLog | undefined;
  readonly #packet: Uint8Array;
  readonly #reply: Uint8Array;
  readonly #readiness = { device: false, commands: false };
  readonly #seed: number;
  readonly #spinNs: number;
  #simulator: Simulator;
  #pending = '';
  #packets = 0;

  constructor(device: TunDevice, scenario: Scenario, options: Options) {
    this.#device = device;
    this.#seed = options.seed;
    this.#spinNs = options.spinUs * 1000;
    this.#queue = new DeliveryQueue(QUEUE_CAPACITY, options.mtu + 128);
    this.#packet = new Uint8Array(options.mtu + 128);
    this.#reply = new Uint8Array(options.mtu + 128);
    this.#log = options.log === undefined ? undefined : new ProbeLog(openSync(options.log, 'w'));
    this.#simulator = this.#simulate(scenario);
    this.#warmUp(scenario);
  }

  run(): void {
    for (;;) {
      this.#release();
      const idle = this.#queue.headAtNs - nowNs();
      this.#device.wait(Math.max(0, idle - this.#spinNs), this.#readiness);
      if (this.#readiness.device) this.#readPackets();
      if (this.#readiness.commands && !this.#readCommands()) break;
    }
    this.#log?.flush();
  }

  #simulate(scenario: Scenario): Simulator {
    const observer = this.#log;
    return createSimulator(scenario, this.#seed, {
      startNs: nowNs(),
      ...(observer === undefined ? {} : { observer }),
    });
  }

  #warmUp(scenario: Scenario): void {
    warmUp(scenario, this.#simulator, this.#queue, new ProbeLog(-1));
    for (let i = 0; i < 200; i++) {
      this.#release();
      this.#device.wait(0, this.#readiness);
      // Neither has anything to say yet.
      this.#device.read(this.#packet);
      this.#device.write(this.#reply, 0);
    }
    this.#simulator.seek(nowNs(), 0);
  }

  #readPackets(): void {
    for (let i = 0; i < READ_BATCH; i++) {
      const length = this.#device.read(this.#packet);
      if (length === 0) return;
      const arrivedNs = nowNs();
      this.#queue.tag = ++this.#packets;
      this.#simulator.accept(this.#packet, 0, length, arrivedNs, this.#queue);
      if (this.#queue.headAtNs <= arrivedNs) this.#release();
    }
  }

  /** Writes every reply that is due. */
  #release(): void {
    const queue = this.#queue;
    while (queue.headAtNs <= nowNs()) {
      const from = queue.headOffset;
      const length = queue.headLength;
      for (let i = 0; i < length; i++) this.#reply[i] = queue.bytes[from + i] as number;
      this.#device.write(this.#reply, length);
      this.#log?.released(queue.headTag, nowNs());
      queue.drop();
    }
  }

  /** False when the parent is gone. */
  #readCommands(): boolean {
    const chunk = new Uint8Array(65536);
    const length = readSync(STDIN, chunk);
    if (length === 0) return false;
    const lines = (this.#pending + new TextDecoder().decode(chunk.subarray(0, length))).split('\n');
    this.#pending = lines.pop() ?? '';
    for (const line of lines) say(this.#obey(line));
    return true;
  }

  #obey(line: string): object {
    try {
      const command = JSON.parse(line) as Record<string, unknown>;
      if (command['scenario'] !== undefined) {
        this.#queue.clear();
        this.#simulator = this.#simulate(parseScenario(command['scenario']));
      } else if (command['change'] !== undefined) {
        this.#simulator.change(parseChange(command['change']), nowNs());
      } else if (typeof command['seekMs'] === 'number') {
        this.#simulator.seek(nowNs(), command['seekMs']);
      } else if (command['status'] === undefined) {
        return { error: `unknown command: ${line}` };
      }
    } catch (error) {
      return { error: error instanceof Error ? error.message : String(error) };
    }
    this.#log?.flush();
    const { counters } = this.#simulator;
    return { timeMs: this.#simulator.scenarioMs(nowNs()), dropped: this.#queue.dropped, counters };
  }
}

/** CLOCK_MONOTONIC in nanoseconds; exact to 0.1 us within months of uptime. */
function nowNs(): number {
  return performance.now() * 1e6 + MONOTONIC_AT_START_NS;
}

const MONOTONIC_AT_START_NS = Number(process.hrtime.bigint()) - performance.now() * 1e6;

function say(message: object): void {
  writeSync(STDOUT, `${JSON.stringify(message)}\n`);
}

/** The scenario on the first line of standard input. */
function scenarioFromStdin(): Scenario {
  let text = '';
  const chunk = new Uint8Array(65536);
  const decoder = new TextDecoder();
  while (!text.endsWith('\n')) {
    const length = readSync(STDIN, chunk);
    if (length === 0) break;
    text += decoder.decode(chunk.subarray(0, length), { stream: true });
  }
  return parseScenario(JSON.parse(text));
}

function configure(scenario: Scenario, { device, mtu }: Options): void {
  const { v4, v6 } = sourceOf(scenario);
  const sysctl = (path: string, value: string): void => writeFileSync(`/proc/sys/net/${path}`, value);
  // Nothing of the kernel's own may enter the simulated internet.
  sysctl(`ipv6/conf/${device}/accept_ra`, '0');
  sysctl(`ipv6/conf/${device}/router_solicitations`, '0');
  sysctl(`ipv6/conf/${device}/addr_gen_mode`, '1');
  sysctl(`ipv4/conf/${device}/rp_filter`, '0');
  sysctl('ipv4/ping_group_range', '0 2147483647');
  const batch = [
    'link set lo up',
    `link set ${device} mtu ${mtu} txqueuelen 10000 up`,
    `addr add ${v4}/32 dev ${device}`,
    `addr add ${v6}/128 dev ${device} nodad`,
    `route add default dev ${device} src ${v4}`,
    `route add ::/0 dev ${device} src ${v6}`,
  ];
  execFileSync('ip', ['-batch', '-'], {
    input: `${batch.join('\n')}\n`,
    stdio: ['pipe', 'ignore', 'inherit'],
  });
}

function readOptions(): Options {
  const { values } = parseArgs({
    options: {
      scenario: { type: 'string' },
      seed: { type: 'string', default: '1' },
      log: { type: 'string' },
      device: { type: 'string', default: 'hs0' },
      mtu: { type: 'string', default: '1500' },
      spin: { type: 'string', default: '100' },
    },
  });
  const { scenario, log, device } = values;
  const numbers = { seed: Number(values.seed), mtu: Number(values.mtu), spinUs: Number(values.spin) };
  return { scenario, log, device, ...numbers };
}

function main(): void {
  const options = readOptions();
  const scenario = options.scenario === undefined ? scenarioFromStdin() : readScenario(options.scenario);
  const device = openTun(options.device, STDIN);
  configure(scenario, options);
  try {
    setPriority(-20);
  } catch {
    // Without the privilege the replies are a little less punctual.
  }
  const loop = new TunLoop(device, scenario, options);
  say({ ready: true, device: options.device, scenario: scenario.name, source: sourceOf(scenario) });
  loop.run();
  closeSync(device.fd);
}

main();
