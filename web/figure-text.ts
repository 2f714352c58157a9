// Figures and times as people read them. Pure: what time it is, is an argument.

const DASH = '–';

export function formatMs(ms: number | null): string {
  if (ms === null) return DASH;
  return `${ms < 10 ? ms.toFixed(2) : ms < 100 ? ms.toFixed(1) : ms.toFixed(0)} ms`;
}

/** A ratio as percent: 0 %, 0.4 %, 12 %. Never 0 for what is not, never 100 for what is less. */
export function formatRatio(ratio: number | null): string {
  if (ratio === null) return DASH;
  const percent = ratio * 100;
  if (percent === 0 || percent === 100) return `${percent} %`;
  if (percent < 0.1) return '< 0.1 %';
  if (percent < 10) return `${percent.toFixed(1)} %`;
  return `${Math.min(99, Math.round(percent))} %`;
}

export function formatDuration(ms: number): string {
  const seconds = Math.max(0, Math.round(ms / 1000));
  if (seconds < 100) return `${seconds} s`;
  const minutes = Math.round(seconds / 60);
  if (minutes < 100) return `${minutes} min`;
  const hours = Math.round(minutes / 60);
  return hours < 48 ? `${hours} h` : `${Math.round(hours / 24)} d`;
}

export function formatAgo(atMs: number, nowMs: number): string {
  const ms = nowMs - atMs;
  return ms < 1000 ? 'just now' : `${formatDuration(ms)} ago`;
}

export function formatCount(count: number, one: string, many: string = `${one}s`): string {
  return `${count.toLocaleString('en')} ${count === 1 ? one : many}`;
}

/** "14:05:09", with the date in front where it is not that of `nowMs`; in the reader's time zone. */
export function formatTime(atMs: number, nowMs: number): string {
  const at = new Date(atMs);
  const clock = [at.getHours(), at.getMinutes(), at.getSeconds()].map(twoDigits).join(':');
  if (at.toDateString() === new Date(nowMs).toDateString()) return clock;
  return `${at.getFullYear()}-${twoDigits(at.getMonth() + 1)}-${twoDigits(at.getDate())} ${clock}`;
}

function twoDigits(value: number): string {
  return String(value).padStart(2, '0');
}

export function formatAsn(asn: number | null, name: string | null): string {
  if (asn === null) return '';
  return name === null || name === '' ? `AS${asn}` : `AS${asn} ${name}`;
}

/** At most `length` characters, the middle left out: what tells addresses and names apart is at their ends. */
export function shorten(text: string, length: number): string {
  if (text.length <= length) return text;
  const tail = Math.floor((length - 1) / 2);
  return `${text.slice(0, length - 1 - tail)}…${text.slice(text.length - tail)}`;
}
