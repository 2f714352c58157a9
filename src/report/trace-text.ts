// A stored measurement as lines that every network operator can read: those of traceroute.

import { formatUtc } from './figure-text.ts';
import type { BundleRun, SupportBundle } from './support-bundle.ts';

/** Text without line feed at its end. */
export function traceText(
  run: BundleRun,
  { target, vantagePoint, method, addresses }: SupportBundle,
): string {
  const to = target.address === null ? target.host : `${target.host} (${target.address})`;
  const by =
    method.protocol === null
      ? ''
      : `, ${method.protocol.toUpperCase()}${method.port === null ? '' : ` port ${method.port}`}`;
  const head = `# ${formatUtc(run.atMs)}, from ${vantagePoint} to ${to}${by}`;
  if (run.failure !== null) return `${head}\n# not measured: ${run.failure}`;
  const lines = run.hops.map(({ sent, answers }, i) => {
    const ttl = String(i + 1).padStart(2);
    const answered = answers.reduce((sum, answer) => sum + answer.answered, 0);
    const silent = sent > answered ? `  ${sent - answered} of ${sent} unanswered` : '';
    if (answered === 0) return `${ttl}  *${sent > 1 ? silent : ''}`;
    const parts = answers.map(({ address, rttMs }) => {
      const { name = null, asn = null } = addresses[address] ?? {};
      const facts = `${name === null ? '' : ` (${name})`}${asn === null ? '' : ` [AS${asn}]`}`;
      return `${address === '' ? 'another address' : address}${facts}${rttMs === null ? '' : `  ${rttMs.toFixed(3)} ms`}`;
    });
    return `${ttl}  ${parts.join('\n    ')}${silent}`;
  });
  const end = run.reached ? `# reached after ${run.hopCount} hops` : '# the destination did not answer';
  return [head, ...lines, end].join('\n');
}
