// The capacity load on a Hearth of your own: up to 50 users call the heavy function, a second apart; every answer is 200.
//
//   make up                       # in another terminal; then:
//   . .hearth/env && make loadtest-zips && k6 run -e ZIP=heavy_function.zip loadtest/load_test_k6.js
//
// It imports nothing but k6. Everything that can be said differently is a variable:
//   HEARTH_URL, HEARTH_API_KEY   where, and as whom (`.hearth/env` exports both)
//   FUNCTION, ZIP                which function; with ZIP (a path seen from this file's folder) it is deployed first
//   USERS, FIRST_USERS           50 users in the end, 20 after the first ramp
//   RAMP_S, RISE_S, FALL_S       5 s up to FIRST_USERS, 20 s up to USERS, 5 s down
//   THINK_S, N, NAP_S            1 s between two calls of a user; fibonacci(20); a nap of 0.5 s
//   P95_MS, OVERHEAD_P95_MS      thresholds: of the whole call, and of the call without the function's own time
//   SUMMARY                      a file for the summary as JSON
import { check, sleep } from 'k6';
import http from 'k6/http';
import { Trend } from 'k6/metrics';

const text = (name, otherwise) => __ENV[name] || otherwise;
const number = (name, otherwise) => {
  const value = Number(text(name, otherwise));
  if (!(value >= 0)) throw new Error(`${name} must be a number of 0 or more, not ${__ENV[name]}`);
  return value;
};

const url = text('HEARTH_URL', 'http://127.0.0.1:8400');
const key = text('HEARTH_API_KEY', '');
const name = text('FUNCTION', 'heavy');
const zip = __ENV.ZIP ? open(__ENV.ZIP, 'b') : null;
const event = JSON.stringify({ n: number('N', 20), nap_s: number('NAP_S', 0.5) });
const thinkS = number('THINK_S', 1);

const overhead = new Trend('overhead', true);

export const options = {
  scenarios: {
    capacity: {
      executor: 'ramping-vus',
      startVUs: 0,
      stages: [
        { duration: `${number('RAMP_S', 5)}s`, target: number('FIRST_USERS', 20) },
        { duration: `${number('RISE_S', 20)}s`, target: number('USERS', 50) },
        { duration: `${number('FALL_S', 5)}s`, target: 0 },
      ],
      gracefulRampDown: '30s',
    },
  },
  thresholds: {
    checks: ['rate==1'],
    iterations: ['count>0'],
    'http_req_duration{scenario:capacity}': [`p(95)<=${number('P95_MS', 1000)}`],
    overhead: [`p(95)<=${number('OVERHEAD_P95_MS', 250)}`],
  },
  summaryTrendStats: ['min', 'med', 'p(90)', 'p(95)', 'p(99)', 'max'],
};

export function setup() {
  if (!zip) return;
  const query = 'runtime=python3.11&handler=main.handler&memory_mb=256&timeout_s=30';
  const headers = { 'x-api-key': key, 'content-type': 'application/zip' };
  const answer = http.put(`${url}/functions/${name}?${query}`, zip, { headers });
  if (![200, 201].includes(answer.status)) throw new Error(`not deployed: ${answer.status} ${answer.body}`);
}

export default function () {
  const headers = { 'x-api-key': key, 'content-type': 'application/json' };
  const answer = http.post(`${url}/functions/${name}/invocations`, event, { headers });
  const handlerMs = answer.status === 200 ? answer.json('duration_ms') : undefined;
  const good = check(answer, {
    'answers 200': (it) => it.status === 200,
    'with its own duration': () => typeof handlerMs === 'number',
  });
  if (good) overhead.add(answer.timings.duration - handlerMs);
  sleep(thinkS);
}

export function handleSummary(data) {
  const files = { stdout: told(data) };
  if (__ENV.SUMMARY) files[__ENV.SUMMARY] = JSON.stringify(data);
  return files;
}

function told(data) {
  const line = (label, metric) => {
    const values = (data.metrics[metric] || { values: {} }).values;
    const known = ['count', 'rate', ...options.summaryTrendStats].filter((stat) => stat in values);
    const shown = known.map((stat) => `${stat} ${values[stat].toFixed(2)}`);
    return `  ${label.padEnd(24)} ${shown.join('  ') || 'none'}\n`;
  };
  const broken = Object.entries(data.metrics).flatMap(([metric, { thresholds }]) =>
    Object.entries(thresholds || {}).filter(([, { ok }]) => !ok).map(([limit]) => `${metric} ${limit}`));
  return `\nHearth, ${name} at ${url}\n${line('calls', 'iterations')}${line('checks', 'checks')}`
    + line('whole call, ms', 'http_req_duration{scenario:capacity}') + line('without the handler, ms', 'overhead')
    + (broken.length ? `  BROKEN: ${broken.join(', ')}\n` : '  every threshold holds\n');
}
