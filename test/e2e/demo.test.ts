// `hopscope demo` as a newcomer meets it: no privilege, no network, everything answers.

import assert from 'node:assert/strict';
import { once } from 'node:events';
import { describe, it } from 'node:test';
import { createNamespace } from '../../lab/namespaces.ts';
import { get, Output, projectPath, untilReady } from './servers.ts';

const NOBODY = 65_534;
const EXPORTER = 'http://127.0.0.1:10434';

describe('hopscope demo', () => {
  it('serves traces of the simulated internet to a user without a capability', async () => {
    await using namespace = await createNamespace('demo');
    const child = namespace.spawn(
      [process.execPath, projectPath('src/main.ts'), 'demo'],
      { stdio: ['ignore', 'pipe', 'pipe'] },
      { uid: NOBODY },
    );
    const output = new Output(child);
    await untilReady(namespace, `${EXPORTER}/-/ready`, child, output);
    const { body } = await get(namespace, `${EXPORTER}/probe?target=198.18.2.1`);
    assert.match(body, /^probe_success 1$/m);
    assert.match(body, /^probe_traceroute_hops 6$/m);
    const page = await get(namespace, `${EXPORTER}/`);
    assert.equal(page.status, 200);
    assert.match(page.body, /198\.18\.3\.1/);
    const exit = once(child, 'exit');
    child.kill('SIGTERM');
    assert.equal((await exit)[0], 0, output.text);
    assert.match(output.text, /simulated internet with 6 targets/);
  });
});
