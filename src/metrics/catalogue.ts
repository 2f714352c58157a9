// Every metric that hopscope exposes: name, type, unit, labels and help, in this one file.
// Invariant: nothing is exposed that is not listed here, and a series appears only when there is a value for it.

export type MetricType = 'gauge' | 'counter' | 'histogram' | 'info';

export interface MetricDefinition {
  /** The name in Prometheus' text format, with `_total` or `_info` where the type asks for it. */
  readonly name: string;
  readonly type: MetricType;
  /** Base unit, which is then the suffix of the name; absent where the value has none. */
  readonly unit?: 'seconds' | 'bytes' | 'ratio';
  /** Labels of its own, apart from those of a target and from `le`. */
  readonly labels?: readonly string[];
  readonly help: string;
}

/** Upper bounds of the RTT histogram in seconds: from one rack to twice around the world. */
export const RTT_BUCKETS: readonly number[] = [
  0.00025, 0.0005, 0.001, 0.0025, 0.005, 0.01, 0.025, 0.05, 0.1, 0.2, 0.4, 0.8, 1.6,
];

/** Upper bounds of the histogram of whole measurements in seconds. */
export const DURATION_BUCKETS: readonly number[] = [0.005, 0.025, 0.05, 0.1, 0.25, 0.5, 1, 2.5, 5, 10, 30];

/** What `/probe` answers: one trace, no labels. */
export const PROBE_METRICS = {
  success: { name: 'probe_success', type: 'gauge', help: 'Whether the destination answered (1) or not (0).' },
  duration: {
    name: 'probe_duration_seconds',
    type: 'gauge',
    unit: 'seconds',
    help: 'How long the probe took in seconds, name resolution included.',
  },
  timeout: {
    name: 'probe_timeout_seconds',
    type: 'gauge',
    unit: 'seconds',
    help: 'Time that the probe was given in seconds: the scrape timeout less its offset, lowered by the module.',
  },
  dnsLookup: {
    name: 'probe_dns_lookup_time_seconds',
    type: 'gauge',
    unit: 'seconds',
    help: 'Time spent resolving the target in seconds, 0 for a numeric one.',
  },
  ipProtocol: {
    name: 'probe_ip_protocol',
    type: 'gauge',
    help: 'IP version of the probe: 4 or 6, 0 when the target did not resolve.',
  },
  ipAddrHash: {
    name: 'probe_ip_addr_hash',
    type: 'gauge',
    help: 'Hash of the address probed, which changes when the address does; 0 when the target did not resolve.',
  },
  hops: {
    name: 'probe_traceroute_hops',
    type: 'gauge',
    help: 'TTL at which the destination answered, silent hops counted; 0 when it did not answer.',
  },
  rtt: {
    name: 'probe_traceroute_rtt_seconds',
    type: 'gauge',
    unit: 'seconds',
    help: 'Round-trip time to the destination in seconds, the least of its replies.',
  },
  lossRatio: {
    name: 'probe_traceroute_loss_ratio',
    type: 'gauge',
    unit: 'ratio',
    help: 'Share of the probes for the destination that got no answer, 0 to 1.',
  },
  pathId: {
    name: 'probe_traceroute_path_id',
    type: 'gauge',
    help: 'Identity of the path as a 48-bit number.',
  },
  asPathId: {
    name: 'probe_traceroute_as_path_id',
    type: 'gauge',
    help: 'Identity of the path of autonomous systems as a 48-bit number.',
  },
  paths: {
    name: 'probe_traceroute_paths',
    type: 'gauge',
    help: 'Distinct paths over the flows of this probe.',
  },
  mtu: {
    name: 'probe_traceroute_mtu_bytes',
    type: 'gauge',
    unit: 'bytes',
    help: 'Path MTU: the largest IP packet in bytes that reached the destination; present where the module asks for it.',
  },
  lastRespondingHop: {
    name: 'probe_traceroute_last_responding_hop',
    type: 'gauge',
    help: 'Highest TTL that answered at all, 0 for none.',
  },
  hopsAmount: {
    name: 'probe_traceroute_hops_amount',
    type: 'gauge',
    help: 'Hops towards the destination, or to the last responding hop when it did not answer. The name that the traceroute exporter in Python uses.',
  },
  executionDuration: {
    name: 'probe_execution_duration_seconds',
    type: 'gauge',
    unit: 'seconds',
    help: 'Duration of the trace in seconds, name resolution left out. The name that the traceroute exporter in Python uses.',
  },
  totalHops: {
    name: 'probe_traceroute_total_hops',
    type: 'gauge',
    help: 'Hops to the destination, or hops probed when it did not answer. The name that the Grafana synthetic monitoring agent uses.',
  },
  routeHash: {
    name: 'probe_traceroute_route_hash',
    type: 'gauge',
    help: 'The path identity again. The name that the Grafana synthetic monitoring agent uses.',
  },
  packetLoss: {
    name: 'probe_traceroute_packet_loss_percent',
    type: 'gauge',
    help: 'Share of all probes of the trace without an answer, hops that stay silent included: a ratio from 0 to 1 in spite of the name, which is that of the Grafana synthetic monitoring agent.',
  },
} as const;

/** Static targets: label `target` and the labels that the user gave. */
export const TARGET_METRICS = {
  success: {
    name: 'traceroute_success',
    type: 'gauge',
    help: 'Whether the destination answered in the latest round.',
  },
  hops: {
    name: 'traceroute_hops',
    type: 'gauge',
    help: 'TTL at which the destination answered, silent hops counted; 0 when it did not answer.',
  },
  expectedHops: {
    name: 'traceroute_expected_hops',
    type: 'gauge',
    help: 'Hops that the configuration expects (expectedHops); absent where it says nothing.',
  },
  paths: {
    name: 'traceroute_paths',
    type: 'gauge',
    help: 'Distinct paths over the flows of the latest round.',
  },
  pathId: {
    name: 'traceroute_path_id',
    type: 'gauge',
    help: 'Identity of the path as a 48-bit number: the path_id of traceroute_path_info.',
  },
  asPathId: {
    name: 'traceroute_as_path_id',
    type: 'gauge',
    help: 'Identity of the path of autonomous systems as a 48-bit number; present with an AS database only.',
  },
  mtu: {
    name: 'traceroute_mtu_bytes',
    type: 'gauge',
    unit: 'bytes',
    help: 'Path MTU: the largest IP packet in bytes that reached the destination; present where the module asks for it.',
  },
  pathInfo: {
    name: 'traceroute_path_info',
    type: 'info',
    labels: ['path_id', 'as_path', 'destination'],
    help: 'The path of the latest round: its identity, its autonomous systems where known, and the address traced.',
  },
  pathChanges: {
    name: 'traceroute_path_changes_total',
    type: 'counter',
    labels: ['kind'],
    help: 'Confirmed path changes by kind.',
  },
  lastChange: {
    name: 'traceroute_path_last_change_timestamp_seconds',
    type: 'gauge',
    unit: 'seconds',
    help: 'When the latest path change was confirmed, in seconds since the epoch; absent before the first.',
  },
  lastRun: {
    name: 'traceroute_last_run_timestamp_seconds',
    type: 'gauge',
    unit: 'seconds',
    help: 'When the latest round ended, in seconds since the epoch.',
  },
  probesSent: {
    name: 'traceroute_probes_sent_total',
    type: 'counter',
    help: 'Probes sent to the destination itself; the probes that ask the hops before it are not counted.',
  },
  probesLost: {
    name: 'traceroute_probes_lost_total',
    type: 'counter',
    help: 'Probes sent to the destination itself that got no answer.',
  },
  failures: {
    name: 'traceroute_failures_total',
    type: 'counter',
    labels: ['kind'],
    help: 'Rounds without a trace, by kind of failure: dns (the name did not resolve), refused (the host does not permit or support it), engine.',
  },
  forwardLoss: {
    name: 'traceroute_forward_loss_ratio',
    type: 'gauge',
    unit: 'ratio',
    help: 'Share of the probes lost between here and the destination over the recent rounds (about 256 probes), 0 to 1. Replies that routers on the way leave out do not count.',
  },
  lossStartHop: {
    name: 'traceroute_loss_start_hop',
    type: 'gauge',
    help: 'First hop from which loss persists to the destination; 0 while nothing is lost or it cannot be told where. Silent and rate-limited hops are never named.',
  },
  delayShift: {
    name: 'traceroute_delay_shift_seconds',
    type: 'gauge',
    unit: 'seconds',
    help: 'By how much the latest lasting change of the median round-trip time moved it, in seconds; negative where it became shorter. Absent before the first.',
  },
  delayShiftAt: {
    name: 'traceroute_delay_shift_timestamp_seconds',
    type: 'gauge',
    unit: 'seconds',
    help: 'When the latest lasting change of the median round-trip time was established, in seconds since the epoch; absent before the first.',
  },
  delayShiftHop: {
    name: 'traceroute_delay_shift_hop',
    type: 'gauge',
    help: 'First hop that shares the latest lasting change of the median round-trip time and from which it persists; 0 where the hops do not tell. Absent before the first.',
  },
  rtt: {
    name: 'traceroute_rtt_seconds',
    type: 'histogram',
    unit: 'seconds',
    help: 'Round-trip times of the replies of the destination in seconds.',
  },
  duration: {
    name: 'traceroute_duration_seconds',
    type: 'histogram',
    unit: 'seconds',
    help: 'Duration of a round in seconds, name resolution included.',
  },
  hopInfo: {
    name: 'traceroute_hop_info',
    type: 'info',
    labels: ['hop', 'address', 'asn', 'name'],
    help: 'An address that answered at this hop in the latest round, with its AS number and reverse DNS name where known. Only with metrics.hops.',
  },
  hopRtt: {
    name: 'traceroute_hop_rtt_seconds',
    type: 'gauge',
    unit: 'seconds',
    labels: ['hop'],
    help: 'Least round-trip time of the replies of this hop in the latest round. Only with metrics.hops.',
  },
  hopReplyRatio: {
    name: 'traceroute_hop_reply_ratio',
    type: 'gauge',
    unit: 'ratio',
    labels: ['hop'],
    help: 'Share of the probes for this hop that it answered in the latest round: a router may limit its replies, which is no loss. Only with metrics.hops.',
  },
} as const;

/** What a pushed group of a static target has beside its series: who only sees a Pushgateway cannot see that we are gone. */
export const PUSHED_METRICS = {
  pushedAt: {
    name: 'traceroute_push_timestamp_seconds',
    type: 'gauge',
    unit: 'seconds',
    help: 'When this target was last pushed, in seconds since the epoch.',
  },
  pushInterval: {
    name: 'traceroute_push_interval_seconds',
    type: 'gauge',
    unit: 'seconds',
    help: 'Within how many seconds the next push of this target is due: one that is three of these old is stale.',
  },
} as const;

/** Pushing, by way: pushgateway or remote_write. */
export const PUSH_METRICS = {
  attempts: {
    name: 'hopscope_push_attempts_total',
    type: 'counter',
    labels: ['way'],
    help: 'Requests sent to push, repeated ones and deletions included.',
  },
  failures: {
    name: 'hopscope_push_failures_total',
    type: 'counter',
    labels: ['way', 'reason'],
    help: 'Requests to push that failed, by reason: refused (will not be repeated), unavailable, timeout, network, setup (a file is unusable).',
  },
  lastSuccess: {
    name: 'hopscope_push_last_success_timestamp_seconds',
    type: 'gauge',
    unit: 'seconds',
    labels: ['way'],
    help: 'When a push last succeeded, in seconds since the epoch; absent before the first.',
  },
  queueLength: {
    name: 'hopscope_push_queue_length',
    type: 'gauge',
    labels: ['way'],
    help: 'Requests waiting to be sent: groups for a Pushgateway, batches of samples for remote write.',
  },
  dropped: {
    name: 'hopscope_push_dropped_total',
    type: 'counter',
    labels: ['reason'],
    help: 'Groups that were measured and not delivered to the Pushgateway: superseded by a newer value, refused, or left at shutdown.',
  },
  samples: {
    name: 'hopscope_push_samples_total',
    type: 'counter',
    help: 'Samples delivered by remote write.',
  },
  samplesDropped: {
    name: 'hopscope_push_samples_dropped_total',
    type: 'counter',
    labels: ['reason'],
    help: 'Samples not delivered by remote write: the queue was full, they were too old, refused, or left at shutdown.',
  },
} as const;

/** The web configuration, where there is one. */
export const WEB_METRICS = {
  reloadOk: {
    name: 'hopscope_web_config_last_reload_successful',
    type: 'gauge',
    help: 'Whether the web configuration as it is now is in force (1), or an earlier one is because it has problems (0).',
  },
  certificateExpiry: {
    name: 'hopscope_web_certificate_expiry_timestamp_seconds',
    type: 'gauge',
    unit: 'seconds',
    help: "When the server's certificate expires, in seconds since the epoch.",
  },
  refused: {
    name: 'hopscope_web_requests_refused_total',
    type: 'counter',
    labels: ['reason'],
    help: 'Requests refused before they were looked at: by a missing or wrong login, too many wrong ones, or the rate limit.',
  },
} as const;

export const WEB_REFUSAL_REASONS = ['unauthorized', 'held_up', 'rate_limit'] as const;
export type WebRefusalReason = (typeof WEB_REFUSAL_REASONS)[number];

export const PUSH_FAILURE_REASONS = ['refused', 'unavailable', 'timeout', 'network', 'setup'] as const;
export type PushFailureReason = (typeof PUSH_FAILURE_REASONS)[number];

/** The exporter itself. */
export const SELF_METRICS = {
  buildInfo: {
    name: 'hopscope_build_info',
    type: 'info',
    labels: ['version', 'node_version'],
    help: 'Version of hopscope and of the Node.js that runs it.',
  },
  configReloadOk: {
    name: 'hopscope_config_last_reload_successful',
    type: 'gauge',
    help: 'Whether the latest attempt to load the configuration succeeded.',
  },
  configReloadAt: {
    name: 'hopscope_config_last_reload_success_timestamp_seconds',
    type: 'gauge',
    unit: 'seconds',
    help: 'When a configuration was last applied, in seconds since the epoch.',
  },
  targets: { name: 'hopscope_targets', type: 'gauge', help: 'Static targets in the configuration in force.' },
  probesSent: {
    name: 'hopscope_probes_sent_total',
    type: 'counter',
    labels: ['protocol'],
    help: 'Probes sent by protocol, for all traces.',
  },
  replies: {
    name: 'hopscope_replies_total',
    type: 'counter',
    labels: ['outcome'],
    help: 'Packets received by outcome: matched a probe, duplicate, late, unrelated to our probes, malformed, forged.',
  },
  sendFailures: {
    name: 'hopscope_send_failures_total',
    type: 'counter',
    labels: ['reason'],
    help: 'Probes that could not be sent, by reason; a reason appears with its first failure.',
  },
  receiveDrops: {
    name: 'hopscope_receive_drops_total',
    type: 'counter',
    help: 'Packets that the kernel dropped before they were read: its receive buffer was full.',
  },
  activeTraces: { name: 'hopscope_active_traces', type: 'gauge', help: 'Traces in progress.' },
  roundsDue: {
    name: 'hopscope_rounds_due_total',
    type: 'counter',
    help: 'Turns of static targets that came. Each is in hopscope_rounds_total, in hopscope_rounds_late_total, or running.',
  },
  rounds: {
    name: 'hopscope_rounds_total',
    type: 'counter',
    labels: ['result'],
    help: 'Rounds of static targets that ended, by result: traced, failed (without a trace), cancelled (the target, or the exporter, went meanwhile).',
  },
  roundsRunning: {
    name: 'hopscope_rounds_running',
    type: 'gauge',
    help: 'Rounds of static targets under way.',
  },
  roundsLate: {
    name: 'hopscope_rounds_late_total',
    type: 'counter',
    help: 'Turns of static targets that passed without a round: the one before still ran, or the process was held up.',
  },
  seriesDropped: {
    name: 'hopscope_series_dropped_total',
    type: 'counter',
    help: 'Series of targets left out in a round: the series budget was spent, or two targets have the same labels.',
  },
  historyUp: {
    name: 'hopscope_history_up',
    type: 'gauge',
    help: 'Whether the history on disk is in order (1) or not (0). Absent where none is configured.',
  },
  historyRuns: {
    name: 'hopscope_history_runs_total',
    type: 'counter',
    help: 'Runs written to the history.',
  },
  historyDropped: {
    name: 'hopscope_history_dropped_runs_total',
    type: 'counter',
    help: 'Runs that the history lost: its disk failed, or could not keep up.',
  },
  historyFailures: {
    name: 'hopscope_history_write_failures_total',
    type: 'counter',
    help: 'Failures to open or to write the history.',
  },
  historySize: {
    name: 'hopscope_history_size_bytes',
    type: 'gauge',
    unit: 'bytes',
    help: 'Size of the history on disk in bytes.',
  },
  probeRequests: {
    name: 'hopscope_probe_requests_total',
    type: 'counter',
    labels: ['result'],
    help: 'Requests to /probe by result.',
  },
  loopLagP50: {
    name: 'nodejs_eventloop_lag_p50_seconds',
    type: 'gauge',
    unit: 'seconds',
    help: 'Median delay of the event loop since the previous scrape in seconds.',
  },
  loopLagP99: {
    name: 'nodejs_eventloop_lag_p99_seconds',
    type: 'gauge',
    unit: 'seconds',
    help: 'The 99th percentile of the delay of the event loop since the previous scrape in seconds.',
  },
  loopLagMax: {
    name: 'nodejs_eventloop_lag_max_seconds',
    type: 'gauge',
    unit: 'seconds',
    help: 'Longest delay of the event loop since the previous scrape in seconds.',
  },
  heapUsed: {
    name: 'nodejs_heap_size_used_bytes',
    type: 'gauge',
    unit: 'bytes',
    help: 'JavaScript heap in use in bytes.',
  },
  externalMemory: {
    name: 'nodejs_external_memory_bytes',
    type: 'gauge',
    unit: 'bytes',
    help: 'Memory outside of the JavaScript heap that its objects hold, in bytes.',
  },
  cpu: {
    name: 'process_cpu_seconds_total',
    type: 'counter',
    unit: 'seconds',
    help: 'Total user and system CPU time spent in seconds.',
  },
  resident: {
    name: 'process_resident_memory_bytes',
    type: 'gauge',
    unit: 'bytes',
    help: 'Resident memory size in bytes.',
  },
  startTime: {
    name: 'process_start_time_seconds',
    type: 'gauge',
    unit: 'seconds',
    help: 'Start time of the process since the epoch in seconds.',
  },
  openFds: { name: 'process_open_fds', type: 'gauge', help: 'Number of open file descriptors.' },
  maxFds: { name: 'process_max_fds', type: 'gauge', help: 'Maximum number of open file descriptors.' },
} as const;

/** How a request to `/probe` can end; each has its series from the start. */
export const PROBE_REQUEST_RESULTS = [
  'success',
  'failure',
  'bad_request',
  'forbidden',
  'busy',
  'cancelled',
  'error',
] as const;

export type ProbeRequestResult = (typeof PROBE_REQUEST_RESULTS)[number];

/** How a round of a static target can end; each has its series from the start. */
export const ROUND_RESULTS = ['traced', 'failed', 'cancelled'] as const;

export type RoundResult = (typeof ROUND_RESULTS)[number];

export const ROUND_FAILURE_KINDS = ['dns', 'refused', 'engine'] as const;
