// What surrounds a soaked exporter, inside its namespace: a Pushgateway's door that can be made to fail, a name server that
// can be made to fail, and clients that scrape, storm and listen. One JSON command a line in, one answer a line out.

import { createSocket } from 'node:dgram';
import { Agent, createServer, get, type IncomingMessage, request, type ServerResponse } from 'node:http';
import { createInterface } from 'node:readline';

type DoorMode = 'ok' | 'unavailable' | 'refused' | 'reset' | 'hang' | 'flood';
type NamesMode = 'ok' | 'silent' | 'servfail' | 'no-such-name' | 'flap';

const GATEWAY_PORT = 9092;
const DOOR_PORT = 9091;
const FLOOD_CHUNK = Buffer.alloc(1 << 20, 120);
const once = new Agent({ keepAlive: false });
/** Requests that came through the door, by what became of them. */
const door = { mode: 'ok' as DoorMode, accepted: 0, unavailable: 0, refused: 0, dead: 0 };
const names = { mode: 'ok' as NamesMode, asked: 0 };
const feeds = new Set<IncomingMessage>();
const feedState = { events: 0, resyncs: 0, ended: 0 };

function pass(asked: IncomingMessage, answer: ServerResponse, body: Buffer): void {
  const { method, url, headers } = asked;
  const options = { port: GATEWAY_PORT, host: '127.0.0.1', method, path: url, headers };
  const onward = request(options, (reply) => {
    reply.resume();
    reply.once('end', () => {
      const status = reply.statusCode ?? 0;
      if (status < 300) door.accepted++;
      else if (status < 500) door.refused++;
      else door.unavailable++;
      answer.writeHead(status).end();
    });
  });
  onward.once('error', () => {
    door.unavailable++;
    answer.writeHead(502).end();
  });
  onward.end(body);
}

function flood(answer: ServerResponse): void {
  answer.writeHead(200);
  const more = (): void => {
    while (!answer.destroyed && answer.write(FLOOD_CHUNK));
  };
  answer.on('drain', more).on('error', () => {});
  more();
}

function atTheDoor(asked: IncomingMessage, answer: ServerResponse): void {
  const chunks: Buffer[] = [];
  asked.on('data', (chunk: Buffer) => chunks.push(chunk));
  asked.once('end', () => {
    switch (door.mode) {
      case 'ok':
        pass(asked, answer, Buffer.concat(chunks));
        return;
      case 'unavailable':
        door.unavailable++;
        answer.writeHead(503).end('maintenance');
        return;
      case 'refused':
        door.refused++;
        answer.writeHead(400).end('pushed metrics are invalid or inconsistent');
        return;
      case 'flood':
        door.accepted++;
        flood(answer);
        return;
      case 'reset':
        door.dead++;
        asked.socket.resetAndDestroy();
        return;
      case 'hang':
        door.dead++;
    }
  });
}

/** A for `a-b-c-d.soak.test`, PTR for anything; AAAA is empty. */
function answerName(query: Buffer): Buffer | null {
  names.asked++;
  if (names.mode === 'silent' || (names.mode === 'flap' && names.asked % 3 === 0)) return null;
  const labels: string[] = [];
  let at = 12;
  for (let length = query[at] ?? 0; length > 0; length = query[at] ?? 0) {
    labels.push(query.toString('latin1', at + 1, at + 1 + length));
    at += 1 + length;
  }
  const type = query.readUInt16BE(at + 1);
  const end = at + 5;
  const octets = (labels[0] ?? '').split('-').map(Number);
  const fails = names.mode === 'flap' ? names.asked % 3 === 1 : names.mode === 'servfail';
  const code = fails ? 2 : names.mode === 'no-such-name' ? 3 : 0;
  const records = code > 0 ? [] : type === 12 ? [[12, pointer(labels)]] : type === 1 ? [[1, octets]] : [];
  const header = Buffer.from(query.subarray(0, 12));
  header.writeUInt16BE(0x8180 | code, 2);
  header.writeUInt16BE(records.length, 6);
  header.writeUInt32BE(0, 8);
  const answers = records.map(([kind, content]) => {
    const data = Buffer.from(content as number[]);
    return Buffer.concat([
      Buffer.from([0xc0, 12, 0, kind as number, 0, 1, 0, 0, 0, 1, 0, data.length]),
      data,
    ]);
  });
  return Buffer.concat([header, query.subarray(12, end), ...answers]);
}

function pointer(labels: readonly string[]): number[] {
  const name = `h${labels.slice(0, 4).join('x')}`;
  return [name.length, ...Buffer.from(name), 4, ...Buffer.from('test'), 0];
}

function serve(): Promise<object> {
  const server = createServer(atTheDoor);
  server.keepAliveTimeout = 60_000;
  const socket = createSocket('udp4');
  socket.on('message', (query, from) => {
    const answer = answerName(query);
    if (answer !== null) socket.send(answer, from.port, from.address);
  });
  return new Promise((resolve) => {
    socket.bind(53, '127.0.0.1', () => server.listen(DOOR_PORT, '127.0.0.1', () => resolve({})));
  });
}

interface Answered {
  readonly status: number;
  readonly body: string;
}

function fetchText(url: string, method = 'GET'): Promise<Answered> {
  return new Promise((resolve) => {
    const asked = request(url, { agent: once, method }, (answer) => {
      const chunks: Buffer[] = [];
      answer.on('data', (chunk: Buffer) => chunks.push(chunk));
      answer.once('end', () =>
        resolve({ status: answer.statusCode ?? 0, body: Buffer.concat(chunks).toString() }),
      );
      answer.once('error', (error) => resolve({ status: 0, body: error.message }));
    });
    asked.once('error', (error) => resolve({ status: 0, body: error.message }));
    asked.end();
  });
}

/** All at once; how many ended with each status (0: no answer), and what was said of those that failed. */
async function storm(urls: readonly string[]): Promise<object> {
  const answers = await Promise.all(urls.map((url) => fetchText(url)));
  const statuses: Record<string, number> = {};
  for (const { status } of answers) statuses[status] = (statuses[status] ?? 0) + 1;
  const failed = answers.find(({ status }) => status === 0 || status === 500);
  return { statuses, failed: failed?.body.slice(0, 300) ?? null };
}

/** Live feeds; of those, `deaf` never read. */
function listen(url: string, count: number, deaf: number): void {
  for (let i = 0; i < count; i++) {
    get(url, { agent: new Agent({ keepAlive: false }) }, (answer) => {
      feeds.add(answer);
      answer.on('error', () => {});
      answer.once('close', () => {
        feedState.ended++;
        feeds.delete(answer);
      });
      if (i < deaf) return;
      answer.on('data', (chunk: Buffer) => {
        feedState.events += chunk.toString('latin1').split('event: run').length - 1;
        if (chunk.includes('event: resync')) feedState.resyncs++;
      });
    }).on('error', () => {});
  }
}

function hangUp(): void {
  for (const feed of feeds) feed.destroy();
}

interface Command {
  readonly do: 'serve' | 'door' | 'names' | 'fetch' | 'storm' | 'listen' | 'hang-up' | 'counts';
  readonly mode?: string;
  readonly url?: string;
  readonly method?: string;
  readonly urls?: readonly string[];
  readonly count?: number;
  readonly deaf?: number;
}

async function obey(command: Command): Promise<object> {
  switch (command.do) {
    case 'serve':
      return serve();
    case 'door':
      door.mode = command.mode as DoorMode;
      return {};
    case 'names':
      names.mode = command.mode as NamesMode;
      return {};
    case 'fetch':
      return fetchText(command.url ?? '', command.method);
    case 'storm':
      return storm(command.urls ?? []);
    case 'listen':
      listen(command.url ?? '', command.count ?? 0, command.deaf ?? 0);
      return {};
    case 'hang-up':
      hangUp();
      return {};
    case 'counts':
      return { door, names, feeds: { ...feedState, open: feeds.size } };
  }
}

const lines = createInterface({ input: process.stdin });
lines.on('line', (line) => {
  const { id, ...command } = JSON.parse(line) as Command & { id: number };
  void obey(command).then((answer) => process.stdout.write(`${JSON.stringify({ id, answer })}\n`));
});
lines.once('close', () => process.exit(0));
