// One finished trace in the format asked for.

import { type HealthReport, healthOfTrace } from '../path/path-health.ts';
import type { Trace } from '../trace/trace.ts';
import type { Destination } from './destinations.ts';
import { glyphsFor } from './glyphs.ts';
import type { FactsOf } from './hop-facts.ts';
import { modeText } from './mode-text.ts';
import type { Line } from './styled-text.ts';
import type { TraceSession } from './trace-session.ts';
import { type TableContext, traceTable } from './trace-table.ts';

/** The table's lines, at most `columns` wide. */
export function tableOf(trace: Trace, session: TraceSession, columns: number, pending: boolean): Line[] {
  return traceTable(trace, tableContext(trace, session, columns), pending);
}

export function tableContext(trace: Trace, session: TraceSession, columns: number): TableContext {
  const { queries, flows, maxTtl, timeoutMs, mode } = session.settings;
  const why = modeText(trace, mode, session.channels);
  const factsOf = factsOfSession(session);
  const glyphs = glyphsFor(session.io.env);
  return { columns, probesPerHop: queries * flows, maxTtl, timeoutMs, modeText: why, factsOf, glyphs };
}

function factsOfSession({ directory }: TraceSession): FactsOf | null {
  return directory === null ? null : (address) => directory.factsOf(address);
}

/**
 * Text for --output json, atlas and prometheus. The formats are loaded when they are asked for. `report` is of this
 * trace and those before it; without it the trace speaks for itself.
 */
export async function dataText(
  trace: Trace,
  destination: Destination,
  session: TraceSession,
  report: HealthReport | null = null,
): Promise<string> {
  const { queries, flows, packetLength, timeoutMs, output } = session.settings;
  const { lookupMs } = destination;
  switch (output) {
    case 'atlas': {
      const { atlasLines } = await import('../report/atlas-writer.ts');
      const sourceAddress = await session.services.sourceAddress(trace.address);
      return atlasLines(trace, { sourceAddress, lookupMs, queries, packetLength });
    }
    case 'prometheus': {
      const { prometheusText } = await import('./output-prometheus.ts');
      return prometheusText(trace, { lookupMs, timeoutMs, probesPerHop: queries * flows });
    }
    default: {
      const { jsonLine } = await import('./output-json.ts');
      const said = report ?? (queries * flows > 1 ? healthOfTrace(trace) : null);
      return jsonLine(trace, factsOfSession(session), said);
    }
  }
}
