import assert from 'node:assert/strict';
import { test } from 'node:test';
import fc from 'fast-check';
import { MAX_FILE_LENGTH } from './document.ts';
import { type LoadedConfig, loadConfig, refreshTargets } from './load.ts';
import { MemoryFileSystem, systemError } from './memory-file-system.ts';
import { ConfigError, formatProblem } from './problem.ts';
import { configReference } from './schema.ts';

type Files = Readonly<Record<string, string | Uint8Array | Error>>;

function load(main: string, others: Files = {}, targets: readonly string[] = []): Promise<LoadedConfig> {
  return loadConfig('hopscope.yml', { targets }, new MemoryFileSystem({ 'hopscope.yml': main, ...others }));
}

async function problemsOf(main: string | Uint8Array | Error, others: Files = {}): Promise<string[]> {
  const files = new MemoryFileSystem({ 'hopscope.yml': main, ...others });
  const outcome = await loadConfig('hopscope.yml', { targets: [] }, files).then(
    () => undefined,
    (error: unknown) => error,
  );
  assert.ok(outcome instanceof ConfigError, 'the configuration was accepted');
  return outcome.problems.map(formatProblem);
}

test('loadConfig() gives the defaults where there is no file at all, and traces the arguments', async () => {
  const { config, warnings } = await loadConfig(
    undefined,
    { targets: ['example.org', '198.18.0.1'] },
    new MemoryFileSystem({}),
  );
  assert.deepEqual([...config.modules.keys()], ['icmp', 'udp', 'tcp']);
  assert.deepEqual(config.modules.get('tcp')?.port, 443);
  assert.deepEqual(config.modules.get('udp')?.port, 33434);
  assert.deepEqual(config.modules.get('icmp')?.port, null);
  assert.deepEqual(
    config.targets.map(({ host, key, intervalMs }) => [host, key, intervalMs]),
    [
      ['example.org', 'example.org/icmp', 60_000],
      ['198.18.0.1', '198.18.0.1/icmp', 60_000],
    ],
  );
  assert.deepEqual([config.sources, warnings], [[], []]);
});

test('loadConfig() applies defaults, modules and labels in their order', async () => {
  const { config } = await load(`
defaults: { interval: 5m, module: https, labels: { site: paris, team: net }, maxTtl: 20, timeout: 1500ms }
modules:
  https: { protocol: tcp, maxTtl: 25 }
  icmp: { queries: 3 }
targets:
  - example.org
  - { host: a.example.org, module: icmp, interval: 30s, labels: { site: rome }, expectedHops: 7 }
`);
  const [first, second] = config.targets;
  assert.equal(config.defaultModule, 'https');
  assert.deepEqual([first?.module.name, first?.module.maxTtl, first?.module.port], ['https', 25, 443]);
  assert.deepEqual([first?.intervalMs, first?.labels], [300_000, { site: 'paris', team: 'net' }]);
  assert.deepEqual([second?.module.queries, second?.module.maxTtl, second?.module.timeoutMs], [3, 20, 1500]);
  assert.equal(second?.module.waitMs, 1500, 'a default wait is not longer than the timeout');
  assert.deepEqual([second?.labels, second?.expectedHops], [{ site: 'rome', team: 'net' }, 7]);
});

test('loadConfig() reports every problem at once, each with line, column and key path', async () => {
  const problems = await problemsOf(`defaults: { intervall: 60s }
modules:
  https: { protocol: tcp, port: 70000, multipath: 90 }
  bare: { port: 1 }
  icmp: { protocol: tcp }
targets:
  - { host: example.org, interval: 30 }
  - { host: "a b", modul: tcp, labels: { target: x, "9a": y, ok: 3 } }
  - { host: h, file: x.yml }
  - { file: t.yml, module: nope }
  - 10.0.0.0/8
  - { host: ok, interval: 10ms, expectedHops: 0 }
  - 7
push: { url: x }
probe: { allow: [198.18.0.1/15], maxConcurent: 3 }
`);
  assert.deepEqual(problems, [
    'hopscope.yml:1:13: defaults.intervall: unknown key "intervall", did you mean "interval"?',
    'hopscope.yml:3:33: modules.https.port: out of range: 70000 (1 to 65535)',
    'hopscope.yml:3:51: modules.https.multipath: "90" is none of 95, 99',
    'hopscope.yml:4:9: modules.bare: a protocol is missing: write protocol: icmp, udp or tcp',
    'hopscope.yml:5:21: modules.icmp.protocol: module "icmp" is built in and its protocol is icmp; give the module another name',
    'hopscope.yml:7:36: targets[0].interval: not a duration: "30" (write 30s, 5m, 1h)',
    'hopscope.yml:8:13: targets[1].host: "a b" has a space in it; write one host name or IP address',
    'hopscope.yml:8:20: targets[1].modul: unknown key "modul", did you mean "module"?',
    'hopscope.yml:8:42: targets[1].labels.target: label "target" is reserved: it is set on the series already',
    'hopscope.yml:8:53: targets[1].labels["9a"]: not a label name: "9a" (letters, digits and "_", not starting with a digit)',
    'hopscope.yml:8:66: targets[1].labels.ok: a label\'s value is text: write "3" with quotes',
    'hopscope.yml:9:5: targets[2]: a target has either host or file',
    'hopscope.yml:10:28: targets[3].module: unknown module "nope" (there are icmp, udp, tcp, https)',
    'hopscope.yml:11:5: targets[4]: "10.0.0.0/8" is not a host (it has a "/" in it); write the host name or IP address alone',
    'hopscope.yml:12:27: targets[5].interval: out of range: "10ms" (1s to 1d)',
    'hopscope.yml:12:47: targets[5].expectedHops: out of range: 0 (1 to 255)',
    'hopscope.yml:13:5: targets[6]: expected a mapping, found "7"',
    'hopscope.yml:14:14: push.url: not a URL: "x" (write http://host:port or https://host:port)',
    'hopscope.yml:15:18: probe.allow[0]: "198.18.0.1/15" has bits set past its length; write 198.18.0.0/15',
    'hopscope.yml:15:34: probe.maxConcurent: unknown key "maxConcurent", did you mean "maxConcurrent"?',
  ]);
});

test('loadConfig() judges settings that contradict one another', async () => {
  assert.deepEqual(
    await problemsOf(`modules:
  a: { protocol: icmp, port: 7 }
  b: { protocol: udp, firstTtl: 9, maxTtl: 3 }
  c: { protocol: udp, wait: 20s }
  d: { protocol: udp, packetLength: 9 }
  e: { protocol: udp, family: 4, preferFamily: 6 }
  f: { protocol: dup }
  "g h": { protocol: udp }
`),
    [
      'hopscope.yml:2:30: modules.a.port: ICMP has no ports; leave the port out',
      'hopscope.yml:3:33: modules.b.firstTtl: firstTtl 9 is greater than maxTtl 3',
      'hopscope.yml:4:29: modules.c.wait: wait is longer than timeout, which ends the measurement',
      'hopscope.yml:5:37: modules.d.packetLength: out of range: 9 (0 for the smallest, or 64 to 65535)',
      'hopscope.yml:6:48: modules.e.preferFamily: preferFamily 6 contradicts family 4; leave one out',
      'hopscope.yml:7:18: modules.f.protocol: "dup" is none of icmp, udp, tcp, did you mean "udp"?',
      'hopscope.yml:8:3: modules["g h"]: not a name for a module: "g h" (letters, digits, "_", "-" and ".", at most 64)',
    ],
  );
});

test('loadConfig() refuses two targets with the same series and says how to tell them apart', async () => {
  assert.deepEqual(
    await problemsOf('targets:\n  - example.org\n  - Example.org\n  - { host: example.org, module: tcp }\n'),
    [
      'hopscope.yml:3:5: targets[1]: target "Example.org" is given already (hopscope.yml:2)',
      'hopscope.yml:4:13: targets[2].host: target "example.org" would have the same series as the one with module "icmp" (hopscope.yml:2); give one of them a label, as in labels: { via: tcp }',
    ],
  );
});

test('loadConfig() gives targets that share host and module a key with their labels', async () => {
  const { config } = await load(
    'targets: [{ host: a, labels: { x: "1" } }, { host: a, labels: { x: "2" } }, b]',
  );
  assert.deepEqual(
    config.targets.map(({ key }) => key),
    ['a/icmp{x="1"}', 'a/icmp{x="2"}', 'b/icmp'],
  );
});

test('loadConfig() uses the port of host:port and URLs with TCP and UDP, and leaves it out with ICMP', async () => {
  const { config } = await load(`targets:
  - { host: "https://a.example/x", module: tcp }
  - { host: "b.example:8443", module: tcp }
  - { host: "[2001:db8::1]:53", module: udp }
  - { host: "c.example:9100" }
`);
  assert.deepEqual(
    config.targets.map(({ host, module }) => [host, module.port]),
    [
      ['a.example', 443],
      ['b.example:8443', 8443],
      ['[2001:db8::1]:53', 53],
      ['c.example', null],
    ],
  );
});

test('loadConfig() points at bad YAML by line and column', async () => {
  const [first] = await problemsOf('targets:\n  - { host: a\n  - b\n');
  assert.match(first ?? '', /^hopscope\.yml:\d:\d+: \S/);
  assert.deepEqual(await problemsOf('a: 1\na: 2\n'), [
    'hopscope.yml:2:1: a: key "a" is given twice',
    'hopscope.yml:2:1: a: unknown key "a" (known here: defaults, modules, targets, probe, metrics, enrich, history, push)',
  ]);
  assert.deepEqual(await problemsOf('- a\n'), ['hopscope.yml:1:1: expected a mapping, found a list']);
  assert.match((await problemsOf('a: 1\n---\nb: 2\n')).join(), /multiple documents/);
  assert.deepEqual(await problemsOf('targets: { a: 1 }\nmodules: [x]'), [
    'hopscope.yml:1:10: targets: expected a list of targets, found a mapping',
    'hopscope.yml:2:10: modules: expected a mapping of module names, found a list',
  ]);
});

test('loadConfig() accepts empty files and empty sections', async () => {
  for (const text of [
    '',
    '# nothing\n',
    'targets:\nmodules:\ndefaults:\nprobe:\nmetrics:\n',
    'modules: { icmp: }',
    '\ufeff{}',
  ]) {
    assert.equal((await load(text)).config.targets.length, 0, text);
  }
});

test('loadConfig() explains files that it cannot read', async () => {
  await assert.rejects(
    loadConfig('other.yml', { targets: [] }, new MemoryFileSystem({})),
    /^ConfigError: other\.yml: cannot read the file: it does not exist; check the path$/,
  );
  assert.match(
    (await problemsOf(systemError('EACCES', 'x'))).join(),
    /EACCES, permission denied; let the user/,
  );
  assert.match((await problemsOf(systemError('EISDIR', 'x'))).join(), /it is a directory/);
  assert.match(
    (await problemsOf(new Uint8Array([0x61, 0x3a, 0x0a, 0x62, 0xff, 0x0a]))).join(),
    /:2:1: the line is not valid UTF-8/,
  );
  assert.match((await problemsOf(new Uint8Array([0xff, 0xfe, 0x61, 0x00]))).join(), /UTF-16/);
  assert.match(
    (await problemsOf(new Uint8Array(MAX_FILE_LENGTH + 10).fill(0x20))).join(),
    /at most 16 MiB are read/,
  );
});

test('loadConfig() survives alias bombs, deep nesting and hostile keys', async () => {
  const levels = Array.from(
    { length: 12 },
    (_, i) =>
      `l${i}: &l${i} [${Array(10)
        .fill(i === 0 ? 'x' : `*l${i - 1}`)
        .join(', ')}]`,
  );
  assert.match((await problemsOf(`${levels.join('\n')}\ntargets: *l11\n`)).join(), /alias|unknown key/i);
  assert.ok((await problemsOf('['.repeat(20_000))).length > 0);
  assert.ok((await problemsOf(`targets: ${'[{a: '.repeat(3000)}`)).length > 0);
  assert.match((await problemsOf('__proto__: { polluted: true }\n')).join(), /unknown key "__proto__"/);
  assert.match(
    (
      await problemsOf('modules: { __proto__: { protocol: tcp } }\ntargets: [{ host: a, module: toString }]')
    ).join(),
    /unknown module "toString"/,
  );
  assert.equal(Object.hasOwn(Object.prototype, 'polluted'), false);
});

test('loadConfig() lets thousands of targets share one anchor', async () => {
  const lines = Array.from(
    { length: 2000 },
    (_, i) => `  - { host: h${i}, labels: ${i === 0 ? '&l { site: paris }' : '*l'} }`,
  );
  const { config } = await load(`targets:\n${lines.join('\n')}\n`);
  assert.equal(config.targets.length, 2000);
  assert.deepEqual(config.targets.at(-1)?.labels, { site: 'paris' });
});

test('loadConfig() ends with a configuration or a ConfigError for any text', async () => {
  const words = fc.constantFrom(
    'targets',
    ':',
    ' ',
    '\n',
    '- ',
    '{',
    '}',
    '[',
    ']',
    'host',
    'a',
    '&a',
    '*a',
    '<<',
    '"',
    '30s',
    '|',
    '!!x',
    '\t',
    'null',
  );
  const text = fc.array(words, { maxLength: 60 }).map((parts) => parts.join(''));
  await fc.assert(
    fc.asyncProperty(text, async (given) => {
      await load(given).catch((error: unknown) => assert.ok(error instanceof ConfigError, String(error)));
    }),
    { seed: 7, numRuns: 1500 },
  );
});

test('Config.text loads again to the same configuration', async () => {
  const { config } = await load(`
defaults: { labels: { site: "a: b", quote: 'x"y' }, family: 6 }
modules: { fast: { protocol: udp, port: 53, timeout: 2s, dontFragment: true, mtu: true, mode: raw } }
targets: [{ host: bücher.example, interval: 90s }, { host: "a:99", module: fast, expectedHops: 3 }, "2001:db8::1"]
probe: { allow: ["*.example.org", 198.18.0.0/15], deny: [169.254.0.0/16], maxConcurrent: 5 }
metrics: { hops: true, seriesBudget: 7 }
enrich: { asn: "data/a \\"b\\".mmdb", reverseDns: false }
`);
  const again = (await load(config.text)).config;
  assert.deepEqual({ ...again, text: '' }, { ...config, text: '' });
  assert.equal(again.text, config.text);
});

test('loadConfig() reads enrich, paths relative to the main file, and locates what is wrong with it', async () => {
  assert.deepEqual((await load('targets: [a]')).config.enrich, { asn: null, city: null, reverseDns: true });
  const files = new MemoryFileSystem({
    'etc/hopscope.yml': 'enrich: { asn: db/asn.mmdb, city: /srv/city.mmdb, reverseDns: false }',
  });
  const { config } = await loadConfig('etc/hopscope.yml', { targets: [] }, files);
  assert.deepEqual(config.enrich, { asn: 'etc/db/asn.mmdb', city: '/srv/city.mmdb', reverseDns: false });
  assert.deepEqual(await problemsOf('enrich: { asm: x, asn: "", city: 7, reverseDns: maybe }'), [
    'hopscope.yml:1:11: enrich.asm: unknown key "asm", did you mean "asn"?',
    'hopscope.yml:1:24: enrich.asn: the path is empty',
    'hopscope.yml:1:34: enrich.city: expected text, found "7"',
    'hopscope.yml:1:49: enrich.reverseDns: expected true or false, found "maybe"',
  ]);
});

test('Config.text masks user names and passwords in URLs', async () => {
  const { config } = await load('targets: [{ host: a, labels: { link: "https://u:pw@example.org/x" } }]');
  assert.match(config.text, /https:\/\/<secret>@example\.org\/x/);
});

test('loadConfig() reads target files beside the main file: our lists, file_sd groups, YAML and JSON', async () => {
  const files = new MemoryFileSystem({
    'etc/hopscope.yml':
      'targets: [first, { file: t/*.yml, module: tcp, labels: { from: yml } }, { file: t/sd.json }]',
    'etc/t/a.yml': '- one\n- { host: two, interval: 5s, labels: { x: "1" } }\n',
    'etc/t/b.yml': '- targets: ["three:9100"]\n  labels: { __meta_x: y, env: prod }\n',
    'etc/t/.hidden.yml': '- no',
    'etc/t/sd.json':
      '[\n\t{ "targets": ["four:9100", "[2001:db8::5]:9100"], "labels": { "job_name": "node" } }\n]',
  });
  const { config } = await loadConfig('etc/hopscope.yml', { targets: ['last'] }, files);
  assert.deepEqual(
    config.targets.map(({ host, module, labels }) => [host, module.name, labels]),
    [
      ['first', 'icmp', {}],
      ['one', 'tcp', { from: 'yml' }],
      ['two', 'tcp', { from: 'yml', x: '1' }],
      ['three:9100', 'tcp', { from: 'yml', env: 'prod' }],
      ['four', 'icmp', { job_name: 'node' }],
      ['2001:db8::5', 'icmp', { job_name: 'node' }],
      ['last', 'icmp', {}],
    ],
  );
  assert.deepEqual(config.sources, ['etc/hopscope.yml', 'etc/t/a.yml', 'etc/t/b.yml', 'etc/t/sd.json']);
});

test('loadConfig() warns of missing target files and of targets given twice there, and goes on', async () => {
  const { config, warnings } = await load(
    'targets: [a, { file: gone.yml }, { file: no/*.yml }, { file: b.yml }]',
    { 'b.yml': '[a, c, c]' },
    ['c'],
  );
  assert.deepEqual(
    config.targets.map(({ host }) => host),
    ['a', 'c'],
  );
  assert.deepEqual(warnings.map(formatProblem), [
    'hopscope.yml:1:22: targets[1].file: "gone.yml" does not exist yet',
    'hopscope.yml:1:42: targets[2].file: the directory of "no/*.yml" does not exist yet',
    'b.yml:1:2: [0]: left out: target "a" is given already (hopscope.yml:1)',
    'b.yml:1:8: [2]: left out: target "c" is given already (b.yml:1)',
    'command line: left out: target "c" is given already (b.yml:1)',
  ]);
});

test('loadConfig() refuses bad target files, each problem located there', async () => {
  assert.deepEqual(
    await problemsOf(
      'targets: [{ file: "*/x.yml" }, { file: a.txt }, { file: b.yml }, { file: c.yml }, { file: d.json }]',
      {
        'b.yml': '- { hots: a }\n- { targets: [a, "b c"], module: nope }\n',
        'c.yml': '',
        'd.json': '{ "a": }',
      },
    ),
    [
      'hopscope.yml:1:19: targets[0].file: only the last part of the path may have * or ? in it',
      'hopscope.yml:1:40: targets[1].file: target files end in .yml, .yaml or .json',
      'b.yml:1:3: [0]: an entry has either host or targets',
      'b.yml:1:5: [0].hots: unknown key "hots", did you mean "host"?',
      'b.yml:2:18: [1].targets[1]: "b c" has a space in it; write one host name or IP address',
      'b.yml:2:34: [1].module: unknown module "nope" (there are icmp, udp, tcp)',
      'c.yml:1:1: the file is empty; write [] where there are no targets',
      'd.json:1:1: a target file is a list: of hosts, of { host: ... }, or of { targets: [...], labels: {...} }',
    ],
  );
});

test('refreshTargets() takes new content, keeps the old where the new is broken, and says so each time', async () => {
  const files = new MemoryFileSystem({
    'hopscope.yml': 'targets: [{ file: "*.json" }]',
    'a.json': '["one"]',
  });
  const first = await loadConfig('hopscope.yml', { targets: [] }, files);
  const hosts = (loaded: LoadedConfig): string[] => loaded.config.targets.map(({ host }) => host);

  const same = await refreshTargets(first, files);
  assert.deepEqual([same.changed, same.loaded.config === first.config], [false, true]);

  files.write('a.json', '["one", "two"]');
  files.write('b.json', '["three"]');
  const grown = await refreshTargets(same.loaded, files);
  assert.deepEqual([grown.changed, hosts(grown.loaded)], [true, ['one', 'two', 'three']]);

  files.write('a.json', '["one", "t w o"]');
  let broken = await refreshTargets(grown.loaded, files);
  for (const round of [1, 2]) {
    assert.deepEqual(
      [broken.changed, hosts(broken.loaded)],
      [false, ['one', 'two', 'three']],
      `look ${round}`,
    );
    assert.match(broken.problems.map(formatProblem).join(), /a\.json:1:9: \[1\]: "t w o" has a space/);
    broken = await refreshTargets(broken.loaded, files);
  }

  files.write('a.json', systemError('EACCES', 'a.json'));
  const unreadable = await refreshTargets(broken.loaded, files);
  assert.deepEqual([hosts(unreadable.loaded), unreadable.problems.length], [['one', 'two', 'three'], 1]);

  files.write('a.json', undefined);
  const gone = await refreshTargets(unreadable.loaded, files);
  assert.deepEqual([gone.changed, hosts(gone.loaded), gone.problems], [true, ['three'], []]);
});

test('configReference() describes every key with its limits and default', () => {
  const rows = configReference();
  const named = new Set(rows.map(({ section, name }) => `${section}.${name}`));
  for (const key of [
    'defaults.interval',
    'modules.<name>.port',
    'targets[].file',
    'probe.allow',
    'metrics.hops',
  ]) {
    assert.ok(named.has(key), key);
  }
  for (const row of rows)
    assert.ok(row.description.length > 10 && row.syntax !== '' && row.fallback !== '', row.name);
});

test('loadConfig() lists no more problems than a reader can use', async () => {
  const problems = await problemsOf(`targets:\n${'  - { host: a, interval: 30 }\n'.repeat(1200)}`);
  assert.deepEqual([problems.length, problems.at(-1)], [1001, 'hopscope.yml: and 200 more problems']);
});
