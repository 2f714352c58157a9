// Commands in the documentation that the tests do not run, each kind with its reason. Invariant: a pattern that fits no
// command any more is an error, so that nothing stays here by neglect.

interface NotRun {
  readonly pattern: RegExp;
  readonly reason: string;
  /** The only page that may leave it out, and does as soon as it exists. */
  readonly page?: string;
}

export const NOT_RUN: readonly NotRun[] = [
  {
    pattern: /^npm (ci|cit)\b/,
    reason: 'installs packages into the tree that the tests run in; npm cit runs the tests',
  },
  { pattern: /^(npm run|npm test|\.ci\/run)/, reason: 'runs the tests, and is run by whoever runs them' },
  {
    pattern: /^sudo /,
    reason: 'changes the system that the tests run on; test/e2e/systemd-unit.test.ts checks the unit',
  },
  {
    pattern: /^docker /,
    reason: 'no Docker here; test/e2e/container.test.ts and the registry tests use podman',
  },
  { pattern: /^deploy\/container\/build/, reason: 'takes minutes; test/e2e/container.test.ts runs it' },
  { pattern: /^deploy\/registry\/publish/, reason: 'takes minutes; test/e2e/container.test.ts runs it' },
  {
    pattern: /^buildah login/,
    reason: 'asks for a password at a terminal; test/e2e/container.test.ts logs in',
  },
  {
    pattern: /^\.\/(add-user|create-repository)/,
    reason: 'asks for a password at a terminal, or for a Nexus',
  },
  {
    pattern: /^(cp|systemctl|grafana) .*(grafana|plugins)/,
    reason: 'there is no Grafana server to be had here',
  },
  {
    pattern: /deploy\/compose\/(start|stop|reload)/,
    reason:
      'starts six containers from images that cannot be pulled here; test/e2e/compose.test.ts does it with its own',
    page: 'deploy/compose/README.md',
  },
  {
    pattern: /^kubectl apply/,
    reason:
      'wants a cluster; test/kubernetes.test.ts renders every overlay and checks it against the schemas',
    page: 'deploy/kubernetes/README.md',
  },
];

/** Why this command of a page is not run; undefined where it is. */
export function reasonNotToRun(command: string, page: string): string | undefined {
  return NOT_RUN.find((one) => one.pattern.test(command) && (one.page ?? page) === page)?.reason;
}
