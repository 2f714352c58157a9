// PromQL of the dashboards. A target is either static, with the label `target`, or traced by a scrape of /probe, whose
// target is the label `instance`. Here the second kind gets the label `target` too, and `probe` as its instance, so that one
// panel shows both. Invariant: what different vantage points measured is never mixed.

/** How series are chosen: dashboards over many targets match, that of one target compares. */
export interface Selection {
  /** Inside the braces of a series of a static target. */
  readonly fixed: string;
  /** Inside the braces of a series of /probe. */
  readonly probed: string;
}

export const MANY: Selection = {
  fixed: 'instance=~"$instance",target=~"$target"',
  probed: 'instance=~"$target"',
};

export const ONE: Selection = {
  fixed: 'instance=~"$instance",target="$target"',
  probed: 'instance="$target"',
};

/** The exporter's own series. */
export const EXPORTER = 'instance=~"$instance"';

/** A series of static targets, with more labels in braces if wanted. */
export function fixed(name: string, { fixed: labels }: Selection, more = ''): string {
  return `${name}{${labels}${more === '' ? '' : `,${more}`}}`;
}

/** A target as one vantage point sees it. */
const EACH = 'instance, target';
export const EACH_LEGEND = '{{target}} ({{instance}})';

/** A series of /probe, or an expression over one, with its target and its instance named as those of static targets are. */
export function probed(expression: string): string {
  const named = `label_replace(${expression}, "target", "$1", "instance", "(.*)")`;
  return `label_replace(${named}, "instance", "probe", "", "")`;
}

/** The same figure of both kinds of target, one series for each target. */
export function both(fixedName: string, probeName: string, selection: Selection): string {
  const fromProbe = probed(`${probeName}{${selection.probed}}`);
  return `max by (${EACH}) (${fixed(fixedName, selection)}) or max by (${EACH}) (${fromProbe})`;
}

/** Quantile of the RTT of static targets, from classic histograms and from native ones. */
export function rttQuantile(quantile: number, selection: Selection): string {
  const classic = `rate(${fixed('traceroute_rtt_seconds_bucket', selection)}[$window])`;
  const native = `rate(${fixed('traceroute_rtt_seconds', selection)}[$window])`;
  return (
    `histogram_quantile(${quantile}, sum by (${EACH}, le) (${classic})) or ` +
    `histogram_quantile(${quantile}, sum by (${EACH}) (${native}))`
  );
}

/** Median RTT of both kinds of target. */
export function rttMedian(selection: Selection): string {
  const probe = probed(`quantile_over_time(0.5, probe_traceroute_rtt_seconds{${selection.probed}}[$window])`);
  return `${rttQuantile(0.5, selection)} or max by (${EACH}) (${probe})`;
}

/** Share of the probes to the destination that got no answer. */
export function loss(selection: Selection): string {
  const lost = `sum by (${EACH}) (rate(${fixed('traceroute_probes_lost_total', selection)}[$window]))`;
  const sent = `sum by (${EACH}) (rate(${fixed('traceroute_probes_sent_total', selection)}[$window]))`;
  const probe = probed(`avg_over_time(probe_traceroute_loss_ratio{${selection.probed}}[$window])`);
  return `${lost} / ${sent} or max by (${EACH}) (${probe})`;
}

/** Targets whose hop count is not the expected one; of /probe those that differ from the median of the latest day. */
export function unexpectedHops(selection: Selection): string {
  const { probed: labels } = selection;
  const usual = `quantile_over_time(0.5, probe_traceroute_hops{${labels}}[1d])`;
  const probe = probed(`probe_traceroute_hops{${labels}} != ${usual}`);
  return `max by (${EACH}) (${fixed('traceroute_hops', selection)} != ${fixed('traceroute_expected_hops', selection)}) or max by (${EACH}) (${probe})`;
}

export function expectedHops(selection: Selection): string {
  const { probed: labels } = selection;
  const { fixed: own } = selection;
  const usual = `quantile_over_time(0.5, probe_traceroute_hops{${labels}}[1d])`;
  const probe = probed(`probe_traceroute_hops{${labels}} == ${usual}`);
  return `max by (${EACH}) (traceroute_hops{${own}} == traceroute_expected_hops{${own}}) or max by (${EACH}) (${probe})`;
}

/** Changes of path over the range that is shown. */
export function changesInRange(selection: Selection, by: string, range: string): string {
  return `sum by (${by}) (increase(${fixed('traceroute_path_changes_total', selection)}[${range}]))`;
}

/** A path identity as one of as many letters as there are states in PATH_LETTERS: the same letter for the same path. */
export function pathLetter(selection: Selection, letters: number): string {
  return `(${both('traceroute_path_id', 'probe_traceroute_path_id', selection)}) % ${letters}`;
}
