// The capacity load on a Hearth of your own: up to 50 users call the heavy function, each pausing a second between
// calls. Every answer must be 200.
//
//   make up                                              # in another terminal
//   . .hearth/env && make loadtest-zips
//   .venv/bin/k6 run loadtest/load_test_k6.js
//
// The function is deployed first when it is not there and its zip lies beside this script; it stays deployed. Only
// answers have a latency: results (2xx) and, apart from them, refusals (429). The script imports nothing but k6.
// Variables, each given as -e NAME=value:
//   HEARTH_URL, HEARTH_API_KEY   where, and as whom; `.hearth/env` exports both
//   FUNCTION                     the function to call: heavy
//   ZIP                          a zip to deploy first in any case; its path is relative to this script
//   USERS, FIRST_USERS           50 users in the end, 20 after the first ramp
//   RAMP_S, RISE_S, FALL_S       5 s up to FIRST_USERS, 20 s up to USERS, 5 s down
//   THINK_S, N, NAP_S            1 s between two calls of a user; fibonacci(20); a nap of 0.5 s
//   P95_MS, OVERHEAD_P95_MS      thresholds: of the whole call, and of the call without the function's own time
//   SUMMARY                      a file for k6's summary, as JSON
import { check, sleep } from 'k6';
import exec from 'k6/execution';
import http from 'k6/http';
import { Trend } from 'k6/metrics';

const text = (name, otherwise) => __ENV[name] || otherwise;
const number = (name, otherwise) => {
  const value = Number(text(name, otherwise));
  if (!(value >= 0)) throw new Error(`${name} must be a number of 0 or more, not ${__ENV[name]}`);
  return value;
};

const url = text('HEARTH_URL', 'http://127.0.0.1:8400').replace(/\/$/, '');
const key = text('HEARTH_API_KEY', '');
const name = text('FUNCTION', 'heavy');
const OWN_ZIP = 'heavy_function.zip';
const zip = __ENV.ZIP ? open(__ENV.ZIP, 'b') : ownZip();
const event = JSON.stringify({ n: number('N', 20), nap_s: number('NAP_S', 0.5) });
const thinkS = number('THINK_S', 1);

const latency = new Trend('latency', true);
const refusal = new Trend('refusal', true);
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
    latency: [`p(95)<=${number('P95_MS', 1000)}`],
    overhead: [`p(95)<=${number('OVERHEAD_P95_MS', 250)}`],
  },
  summaryTrendStats: ['count', 'min', 'med', 'p(90)', 'p(95)', 'p(99)', 'max'],
};

// The zip of the heavy function, where `make loadtest-zips` has put it; null when it is not there.
function ownZip() {
  if (__ENV.FUNCTION) return null; // a function with another name is not ours to create
  try {
    return open(OWN_ZIP, 'b');
  } catch (_) {
    return null;
  }
}

export function setup() {
  const answer = http.get(`${url}/functions/${name}`, { headers: { 'x-api-key': key } });
  if (answer.status === 200 && !__ENV.ZIP) return;
  if (![200, 404].includes(answer.status)) exec.test.abort(notReady(answer));
  if (!zip) exec.test.abort(missing());
  deploy();
}

function notReady(answer) {
  if (answer.status === 0) return `No answer from ${url} (${answer.error}): start a stack with \`make up\`, or set HEARTH_URL.`;
  if ([401, 403].includes(answer.status)) {
    return `${url} does not accept HEARTH_API_KEY (${answer.status}): load the keys with \`. .hearth/env\`.`;
  }
  return `${url} answered ${answer.status} when asked for the function ${name}: ${answer.body}`;
}

function missing() {
  const how = __ENV.FUNCTION
    ? `add \`-e ZIP=${OWN_ZIP}\` after \`make loadtest-zips\`, or deploy your own`
    : 'run `make loadtest-zips` and start again, and this script deploys it';
  return `There is no function ${name} at ${url}: ${how}.`;
}

function deploy() {
  const query = 'runtime=python3.11&handler=main.handler&memory_mb=256&timeout_s=30';
  const headers = { 'x-api-key': key, 'content-type': 'application/zip' };
  const answer = http.put(`${url}/functions/${name}?${query}`, zip, { headers });
  if (![200, 201].includes(answer.status)) {
    exec.test.abort(`The function ${name} could not be deployed: ${answer.status} ${answer.body || answer.error}`);
  }
}

export default function () {
  const headers = { 'x-api-key': key, 'content-type': 'application/json' };
  const answer = http.post(`${url}/functions/${name}/invocations`, event, { headers });
  const handlerMs = answer.status === 200 ? answer.json('duration_ms') : undefined;
  const good = check(answer, {
    'answers 200': (it) => it.status === 200,
    'with its own duration': () => typeof handlerMs === 'number',
  });
  if (answer.status >= 200 && answer.status < 300) latency.add(answer.timings.duration);
  if (answer.status === 429) refusal.add(answer.timings.duration);
  if (good) overhead.add(answer.timings.duration - handlerMs);
  sleep(thinkS);
}

export function handleSummary(data) {
  const { iterations } = data.metrics;
  if (!iterations || !iterations.values.count) return { stdout: '\nNo call was made.\n' };
  const files = { stdout: report(data) };
  if (__ENV.SUMMARY) files[__ENV.SUMMARY] = JSON.stringify(data);
  return files;
}

function report(data) {
  const line = (label, metric) => {
    const values = (data.metrics[metric] || { values: {} }).values;
    const known = ['rate', ...options.summaryTrendStats].filter((stat) => stat in values && values.count !== 0);
    const shown = known.map((stat) => `${stat} ${values[stat].toFixed(stat === 'count' ? 0 : 2)}`);
    return `  ${label.padEnd(24)} ${shown.join('  ') || 'none'}\n`;
  };
  const broken = Object.entries(data.metrics).flatMap(([metric, { thresholds }]) =>
    Object.entries(thresholds || {}).filter(([, { ok }]) => !ok).map(([limit]) => `${metric} ${limit}`));
  return `\nHearth, ${name} at ${url}\n${line('calls', 'iterations')}${line('checks', 'checks')}`
    + line('whole call, ms', 'latency') + line('without the handler, ms', 'overhead') + line('refused, ms', 'refusal')
    + (broken.length ? `  BROKEN: ${broken.join(', ')}\n` : '  every threshold holds\n');
}
