// Reads scenarios from files, JSON or YAML.

import { readFileSync } from 'node:fs';
import { parse } from 'yaml';
import type { Scenario } from './scenario.ts';
import { parseScenario, ScenarioError } from './scenario-schema.ts';

/** @throws ScenarioError naming the file, when it cannot be read or holds no scenario. */
export function readScenario(path: string): Scenario {
  try {
    return parseScenario(parse(readFileSync(path, 'utf8')));
  } catch (error) {
    if (error instanceof ScenarioError) {
      throw new ScenarioError(
        error.faults.map(({ place, fault }) => ({ place: `${path}: ${place}`, fault })),
      );
    }
    throw new ScenarioError([{ place: path, fault: error instanceof Error ? error.message : String(error) }]);
  }
}
