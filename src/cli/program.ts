// The command line: which commands and options there are, and what happens to what they throw.
// Invariant: rooms that a command does not need are not loaded; `hopscope --help` loads none of them.

import { Command, CommanderError } from 'commander';
import { nearestName } from '../config/nearest.ts';
import type { BundleOptionValues } from './bundle-command.ts';
import type { CliIo, CliServices } from './cli-io.ts';
import { EXIT, exitStatusOf, UsageError } from './exit-status.ts';
import type { ImportOptionValues } from './import-command.ts';
import type { PushOptionValues } from './push-command.ts';
import type { ServeOptionValues } from './serve-command.ts';
import { DEFAULT_LISTEN_ADDRESS, LOG_FORMATS, LOG_LEVELS } from './serve-options.ts';
import { messageOf, say } from './trace-session.ts';
import { OUTPUT_FORMATS, TRACE_DEFAULTS, type TraceOptionValues } from './trace-settings.ts';

/**
 * Runs one command and resolves with the exit status. Operational errors become one sentence on standard error; a
 * mistake in the program rejects.
 * @param argv what follows the command's own name
 */
export async function runCli(argv: readonly string[], io: CliIo, services: CliServices): Promise<number> {
  let status: number = EXIT.reached;
  const program = buildProgram(io, services, (result) => {
    status = result;
  });
  try {
    await program.parseAsync(argv, { from: 'user' });
    return status;
  } catch (error) {
    // Help and version end this way too; their text has been written.
    if (error instanceof CommanderError) return error.exitCode === 0 ? EXIT.reached : EXIT.usage;
    const failed = exitStatusOf(error);
    if (failed === undefined) throw error;
    if (error instanceof Error && 'problems' in error) io.stderr.write(`${error.message}\n`);
    else say(io, messageOf(error));
    return failed;
  }
}

function buildProgram(io: CliIo, services: CliServices, finish: (status: number) => void): Command {
  const program = new Command('hopscope')
    .description('Network path monitor: traceroutes without root, for terminals and for Prometheus.')
    .version(services.version, '--version', 'print the version')
    .helpOption('-h, --help', 'print help')
    .helpCommand('help [command]', 'print help for a command')
    .enablePositionalOptions()
    .usage('<command> [options]')
    .configureHelp({
      optionDescription: ({ description, defaultValue }) =>
        typeof defaultValue === 'string' ? `${description} (${defaultValue})` : description,
    })
    .configureOutput({
      writeOut: (text) => io.stdout.write(text),
      writeErr: (text) => io.stderr.write(text),
      outputError: complainAs('hopscope'),
      getOutHasColors: () => false,
      getErrHasColors: () => false,
      getOutHelpWidth: () => (io.isTTY ? io.columns : 80),
      getErrHelpWidth: () => 80,
    })
    .exitOverride()
    .addHelpText('after', EXAMPLES)
    .argument('[command]')
    .allowExcessArguments()
    .action((command?: string) => {
      if (command === undefined) program.help({ error: true });
      throw new UsageError(unknownCommand(command ?? '', program));
    });
  addTrace(program, io, services, finish);
  addServe(program, io, services, finish);
  addPush(program, io, services, finish);
  addImport(program, io, services, finish);
  addBundle(program, io, services, finish);
  addCheck(program, io, services, finish);
  if (services.demo !== undefined) addDemo(program, io, services.demo, finish);
  return program;
}

type Finish = (status: number) => void;

function addTrace(program: Command, io: CliIo, services: CliServices, finish: Finish): void {
  const { protocol, mode, firstTtl, maxTtl, queries, flows } = TRACE_DEFAULTS;
  const { timeout, wait, packetLength, output, interval } = TRACE_DEFAULTS;
  program
    .command('trace')
    .configureOutput({ outputError: complainAs('hopscope trace') })
    .description('trace the path to one or more hosts')
    .argument('<host...>', 'name, address, host:port or URL')
    .option('--protocol <name>', 'icmp, udp or tcp', protocol)
    .option('--port <number>', 'destination port of UDP (33434) and TCP (443)')
    .option('-4', 'use IPv4')
    .option('-6', 'use IPv6')
    .option('--mode <name>', 'auto, raw (needs CAP_NET_RAW) or unprivileged', mode)
    .option('--first-ttl <number>', 'nearest hop to probe', firstTtl)
    .option('--max-ttl <number>', 'farthest hop to probe', maxTtl)
    .option('--queries <number>', 'probes for each hop and flow', queries)
    .option('--flows <number>', 'flows to trace; balancers spread flows over parallel links', flows)
    .option('--multipath <percent>', 'find every parallel path with 95 or 99 % confidence, and draw them')
    .option('--timeout <duration>', 'longest time for a trace', timeout)
    .option('--wait <duration>', `longest wait for one reply (${wait})`)
    .option('--packet-length <bytes>', 'length of the IP packets, 0 for the smallest', packetLength)
    .option(
      '--tos <number>',
      'IPv4 type of service or IPv6 traffic class, as 0xb8: DSCP in the upper six bits',
    )
    .option('--mtu', 'search for the path MTU and the hop that narrows it')
    .option('-n, --numeric', 'no names of hops')
    .option('--names', 'names of hops in --output json too')
    .option('--asn <file>', 'AS numbers of hops from an MMDB file, as GeoLite2-ASN.mmdb')
    .option('--watch', 'trace again and again, with running figures for each hop')
    .option('--interval <duration>', `time from one round of --watch to the next (${interval})`)
    .option('--count <number>', 'rounds of --watch; unlimited unless given')
    .option('--output <format>', OUTPUT_FORMATS.join(', '), output)
    .option('--no-color', 'no colour (NO_COLOR is heeded too)')
    .addHelpText('after', TRACE_EXAMPLES)
    .action(async (hosts: string[], values: TraceOptionValues) => {
      const { traceCommand } = await import('./trace-command.ts');
      finish(await traceCommand(hosts, values, io, services));
    });
}

function addServe(program: Command, io: CliIo, services: CliServices, finish: Finish): void {
  const collect = (value: string, before: readonly string[] | undefined): readonly string[] => [
    ...(before ?? []),
    value,
  ];
  program
    .command('serve')
    .configureOutput({ outputError: complainAs('hopscope serve') })
    .description('run the Prometheus exporter')
    .argument('[target...]', 'hosts to trace beside those of the configuration')
    .option('--config.file <path>', 'configuration (hopscope.yml where there is one)')
    .option('--config.check', 'check the configuration and end')
    .option(
      '--web.listen-address <address>',
      `host:port or :port, may be given several times (${DEFAULT_LISTEN_ADDRESS})`,
      collect,
    )
    .option('--web.external-url <url>', 'URL under which the exporter is reached from outside')
    .option('--web.route-prefix <path>', 'prefix of all paths (that of --web.external-url)')
    .option('--web.config.file <path>', "TLS, users and headers, in exporter-toolkit's format")
    .option('--history.path <path>', 'file that runs, paths and changes are kept in')
    .option('--log.level <level>', LOG_LEVELS.join(', '), 'info')
    .option('--log.format <format>', LOG_FORMATS.join(', '), 'logfmt')
    .addHelpText('after', SERVE_EXAMPLES)
    .action(async (targets: string[], values: ServeOptionValues) => {
      const { serveCommand } = await import('./serve-command.ts');
      finish(await serveCommand(targets, values, io, services));
    });
}

function addPush(program: Command, io: CliIo, services: CliServices, finish: Finish): void {
  const { protocol, mode, maxTtl, queries, flows, timeout } = TRACE_DEFAULTS;
  program
    .command('push')
    .configureOutput({ outputError: complainAs('hopscope push') })
    .description('trace hosts and push the results to a Pushgateway, once (for cron)')
    .argument('<host...>', 'name, address, host:port or URL')
    .option('--pushgateway <url>', 'base URL of the Pushgateway')
    .option('--job <name>', 'the label job', 'traceroute')
    .option('--push-timeout <duration>', 'how long to try', '30s')
    .option('--username <name>', 'user name at the Pushgateway')
    .option('--password-file <path>', 'file with the password')
    .option(
      '--ca-file <path>',
      "certificate authorities that the Pushgateway is verified with (the system's)",
    )
    .option('--protocol <name>', 'icmp, udp or tcp', protocol)
    .option('--port <number>', 'destination port of UDP (33434) and TCP (443)')
    .option('-4', 'use IPv4')
    .option('-6', 'use IPv6')
    .option('--mode <name>', 'auto, raw (needs CAP_NET_RAW) or unprivileged', mode)
    .option('--max-ttl <number>', 'farthest hop to probe', maxTtl)
    .option('--queries <number>', 'probes for each hop and flow', queries)
    .option('--flows <number>', 'flows to trace; balancers spread flows over parallel links', flows)
    .option('--timeout <duration>', 'longest time for a trace', timeout)
    .addHelpText('after', PUSH_EXAMPLES)
    .action(async (hosts: string[], values: PushOptionValues) => {
      const { pushCommand } = await import('./push-command.ts');
      finish(await pushCommand(hosts, values, io, services));
    });
}

function addImport(program: Command, io: CliIo, services: CliServices, finish: Finish): void {
  program
    .command('import')
    .configureOutput({ outputError: complainAs('hopscope import') })
    .description('read traceroute results of RIPE Atlas into a history')
    .argument('<file>', 'JSON as Atlas and --output atlas have it; - for standard input')
    .requiredOption('--history.path <path>', 'history to import into')
    .option('--target <key>', 'target that all results become runs of (HOST/PROTOCOL of each)')
    .option('--probe <number>', 'only results of this Atlas probe')
    .addHelpText('after', IMPORT_EXAMPLES)
    .action(async (file: string, values: ImportOptionValues) => {
      const { importCommand } = await import('./import-command.ts');
      finish(await importCommand(file, values, io, services));
    });
}

function addBundle(program: Command, io: CliIo, services: CliServices, finish: Finish): void {
  program
    .command('bundle')
    .configureOutput({ outputError: complainAs('hopscope bundle') })
    .description('what changed on the path to a target and the evidence for it, for a provider')
    .argument('<target>', 'key of the target in the history, as example.org/icmp')
    .requiredOption('--history.path <path>', 'history to read')
    .option('--from <time>', 'begin of the period: a date, or epoch milliseconds (a day before its end)')
    .option('--to <time>', 'end of the period (now)')
    .option('--format <name>', 'html, a report in one file, or json', 'html')
    .option('--vantage <name>', "what to call the place that was measured from (the host's name)")
    .option('--asn <file>', 'AS numbers from an MMDB file, as GeoLite2-ASN.mmdb')
    .addHelpText('after', BUNDLE_EXAMPLES)
    .action(async (target: string, values: BundleOptionValues) => {
      const { bundleCommand } = await import('./bundle-command.ts');
      finish(await bundleCommand(target, values, io, services));
    });
}

function addCheck(program: Command, io: CliIo, services: CliServices, finish: Finish): void {
  program
    .command('check')
    .configureOutput({ outputError: complainAs('hopscope check') })
    .description('check a configuration; every problem is told with line and column')
    .argument('<file>', 'configuration to check')
    .action(async (file: string) => {
      const { checkCommand } = await import('./check-command.ts');
      finish(await checkCommand(file, [], io, services));
    });
}

function addDemo(program: Command, io: CliIo, demo: NonNullable<CliServices['demo']>, finish: Finish): void {
  program
    .command('demo')
    .description('see everything at work on a simulated internet')
    .argument('[argument...]')
    .allowUnknownOption()
    .passThroughOptions()
    .action(async (args: string[]) => finish(await demo(args, io)));
}

function complainAs(command: string): (text: string, write: (text: string) => void) => void {
  return (text, write) => write(errorText(text, command));
}

/** Commander's own complaints in the form of all others. */
function errorText(text: string, command: string): string {
  const [complaint = '', ...more] = text.trim().split('\n');
  const hint = more.join(' ').trim();
  return `hopscope: ${complaint.replace(/^error: /, '')}${hint === '' ? '' : ` ${hint}`}; see "${command} --help"\n`;
}

function unknownCommand(command: string, program: Command): string {
  const near = nearestName(
    command,
    program.commands.map((known) => known.name()),
  );
  const shown = JSON.stringify(command.slice(0, 60));
  if (near !== undefined) return `there is no command ${shown}; did you mean "${near}"?`;
  return `there is no command ${shown}; to trace a host write: hopscope trace ${command.slice(0, 60)}`;
}

const EXAMPLES = `
Examples:
  hopscope trace example.org              the path to a host, without root
  hopscope trace --watch example.org      the same, again and again, as mtr does
  hopscope serve example.org              an exporter on :10434 that measures example.org
  hopscope check hopscope.yml             is the configuration right?

Exit status: 0 reached, 1 not reached, 2 wrong usage or configuration,
3 not permitted or refused by the system.`;

const TRACE_EXAMPLES = `
Durations have a unit: 500ms, 2s, 1m.

Examples:
  hopscope trace example.org
  hopscope trace --protocol tcp example.org:443       as HTTPS goes, through firewalls
  hopscope trace --queries 3 --flows 8 example.org    parallel paths of a balancer
  hopscope trace --multipath 95 example.org           all of them, as a graph
  hopscope trace --watch --count 60 example.org       a minute of it, then the figures
  hopscope trace --output json example.org | jq .hopCount
  hopscope trace 192.0.2.1 192.0.2.2 192.0.2.3        all at the same time

--watch: q quits, p pauses, r resets.`;

const PUSH_EXAMPLES = `
Examples:
  hopscope push --pushgateway http://localhost:9091 example.org
  */5 * * * *  hopscope push --pushgateway http://localhost:9091 --job paths example.org 192.0.2.1

Each host becomes the group job/JOB/instance/HOST; graph traceroute_hops{instance="HOST"}.
A push that fails is status 3, whatever the trace was.`;

const IMPORT_EXAMPLES = `
Examples:
  hopscope import results.json --history.path hopscope.db
  hopscope trace --output atlas example.org | hopscope import - --history.path hopscope.db

What the history has already is not written again. Do not import while hopscope serve has the history.`;

const BUNDLE_EXAMPLES = `
Examples:
  hopscope bundle example.org/icmp --history.path hopscope.db --from 2026-11-23 > report.html

While hopscope serve has the history, it gives the same:
  curl 'http://localhost:10434/api/v1/targets/example.org/bundle?format=html'`;

const SERVE_EXAMPLES = `
Examples:
  hopscope serve                                      /probe only, until it has targets
  hopscope serve example.org 192.0.2.1                measures both every minute
  hopscope serve --config.file /etc/hopscope.yml --web.listen-address 127.0.0.1:10434

Prometheus scrapes /metrics, or /probe?target=HOST&module=NAME as with the blackbox exporter.
SIGHUP and POST /-/reload read the configuration anew; SIGTERM ends it when requests are answered.`;
