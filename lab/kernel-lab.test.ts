import assert from 'node:assert/strict';
import { after, before, describe, it } from 'node:test';
import { type KernelLab, startKernelLab } from './kernel-lab.ts';
import { createNamespace, runInNamespace, sweepNamespaces } from './namespaces.ts';

/** Responders by TTL in the output of `traceroute -n`. */
function responders(output: string): string[][] {
  const lines = output.split('\n').filter((line) => /^ *[0-9]+ /.test(line));
  return lines.map((line) => line.match(/(?:[0-9]+\.){3}[0-9]+|[0-9a-f]+:[0-9a-f:]+/g) ?? []);
}

describe('startKernelLab()', () => {
  let lab: KernelLab;
  before(async () => {
    lab = await startKernelLab({ routers: 4, diamond: { after: 2, width: 3 }, dropsUdp: 4 });
  });
  after(() => lab[Symbol.asyncDispose]());

  for (const family of [4, 6] as const) {
    const trace = async (...options: string[]): Promise<string[][]> => {
      const target = family === 4 ? lab.target4 : lab.target6;
      const argv = ['traceroute', `-${family}`, '-n', '-w', '1', '-m', '8', '-z', '0', ...options, target];
      return responders((await lab.run(argv)).stdout);
    };

    it(`balances TCP by port over every way of the diamond, IPv${family}`, async () => {
      const hops = family === 4 ? lab.hops4 : lab.hops6;
      const seen = await trace('-T', '-q', '10');
      assert.equal(seen.length, hops.length);
      for (const [i, addresses] of hops.entries()) {
        for (const responder of seen[i] ?? [])
          assert.ok(addresses.includes(responder), `${i + 1}: ${responder}`);
      }
      assert.ok(new Set(seen[2]).size > 1);
    });

    it(`drops UDP at the firewall, IPv${family}`, async () => {
      const seen = await trace('-q', '1');
      assert.equal(
        seen.findLastIndex((responder) => responder.length > 0),
        4,
      );
    });
  }

  it('limits the errors of its routers where asked', async () => {
    await using limited = await startKernelLab({ routers: 2, icmpRatelimitMs: 1000 });
    const { stdout } = await limited.run(['sysctl', '-n', 'net.ipv4.icmp_ratelimit']);
    assert.equal(stdout.trim(), '1000');
    const argv = ['traceroute', '-n', '-I', '-w', '0.2', '-q', '10', '-N', '10', '-m', '1', limited.target4];
    const { stdout: output } = await limited.run(argv);
    assert.deepEqual(responders(output), [['100.64.1.2']]);
    // Linux lets six go and then one in the interval (XRLIM_BURST_FACTOR).
    assert.ok((output.match(/\*/g) ?? []).length >= 4, output);
  });
});

describe('createNamespace()', () => {
  it('runs programs with the privileges asked for, and removes the namespace', async () => {
    const { stdout: ours } = await runInNamespace(await keep(), [
      'sh',
      '-c',
      'grep CapEff /proc/self/status',
    ]);
    assert.doesNotMatch(ours, /CapEff:\s+0+$/m);
    for (const privileges of [{ uid: 65_534 }, { dropCapabilities: true }]) {
      const argv = ['sh', '-c', 'id -u; grep CapEff /proc/self/status'];
      const { stdout } = await runInNamespace(await keep(), argv, privileges);
      assert.match(stdout, /CapEff:\s+0+$/m);
      assert.equal(stdout.startsWith('65534\n'), 'uid' in privileges);
    }
    const name = await keep();
    await namespaces.disposeAsync();
    assert.notEqual((await runInNamespace(name, ['true'])).exitCode, 0);
  });

  it('leaves the namespaces of running processes alone when it sweeps', async () => {
    await using namespace = await createNamespace('kept');
    assert.ok(!(await sweepNamespaces()).includes(namespace.name));
    assert.equal((await namespace.run(['true'])).exitCode, 0);
  });

  const namespaces = new AsyncDisposableStack();
  const keep = async (): Promise<string> => namespaces.use(await createNamespace('kept')).name;
});
