// The load on a deployed Hearth: first the capacity load, then a flood that the limit per address must stop, whatever
// address each request claims in X-Forwarded-For.
//
//   make loadtest-zips
//   .venv/bin/k6 run -e HEARTH_URL=https://…/api -e HEARTH_API_KEY=… loadtest/load_test_k6_cloud.js
//
// The function is deployed first when it is not there and its zip lies beside this script; it stays deployed. Only
// answers have a latency: results (2xx) and, apart from them, refusals (429). The flood calls with a key that does not
// exist: such a call runs nothing and takes a token of its address alone, so a 429 can only come from that limit.
// The script imports nothing but k6. Variables, each given as -e NAME=value:
//   HEARTH_URL, HEARTH_API_KEY   where, and as whom: both must be set
//   FUNCTION                     the function to call: heavy
//   ZIP                          a zip to deploy first in any case; its path is relative to this script
//   USERS, FIRST_USERS           50 users in the end, 20 after the first ramp
//   RAMP_S, RISE_S, FALL_S       5 s up to FIRST_USERS, 20 s up to USERS, 5 s down
//   THINK_S, N, NAP_S            1 s between two calls of a user; fibonacci(20); a nap of 0.5 s
//   P95_MS, OVERHEAD_P95_MS      thresholds: of the whole call, and of the call without the function's own time
//   FLOOD_USERS, FLOOD_S         100 callers without a pause for 15 s: they must exceed the limit per address
//   SUMMARY                      a file for k6's summary, as JSON
import { check, sleep } from 'k6';
import exec from 'k6/execution';
import http from 'k6/http';
import { Counter, Rate, Trend } from 'k6/metrics';

const text = (name, otherwise) => __ENV[name] || otherwise;
const needed = (name) => {
  if (!__ENV[name]) throw new Error(`set ${name}: -e ${name}=…`);
  return __ENV[name];
};
const number = (name, otherwise) => {
  const value = Number(text(name, otherwise));
  if (!(value >= 0)) throw new Error(`${name} must be a number of 0 or more, not ${__ENV[name]}`);
  return value;
};

const url = needed('HEARTH_URL').replace(/\/$/, '');
const key = needed('HEARTH_API_KEY');
const name = text('FUNCTION', 'heavy');
const OWN_ZIP = 'heavy_function_cloud.zip';
const zip = __ENV.ZIP ? open(__ENV.ZIP, 'b') : ownZip();
const event = JSON.stringify({ n: number('N', 20), nap_s: number('NAP_S', 0.5) });
const thinkS = number('THINK_S', 1);
const stages = [['RAMP_S', 5, 'FIRST_USERS', 20], ['RISE_S', 20, 'USERS', 50], ['FALL_S', 5]]
  .map(([length, s, users, many]) => ({ duration: `${number(length, s)}s`, target: users ? number(users, many) : 0 }));
const capacityS = stages.reduce((sum, stage) => sum + parseFloat(stage.duration), 0);

const latency = new Trend('latency', true);
const refusal = new Trend('refusal', true);
const overhead = new Trend('overhead', true);
const answered = new Rate('answered_200');
const refused = new Counter('refused');
const limited = new Rate('flood_only_401_403_429');

export const options = {
  scenarios: {
    capacity: { executor: 'ramping-vus', startVUs: 0, stages, gracefulRampDown: '30s' },
    flood: {
      executor: 'constant-vus',
      exec: 'flood',
      vus: number('FLOOD_USERS', 100),
      duration: `${number('FLOOD_S', 15)}s`,
      startTime: `${capacityS + 2}s`, // the flood empties the bucket that the capacity load's last calls need
    },
  },
  thresholds: {
    answered_200: ['rate==1'],
    flood_only_401_403_429: ['rate==1'],
    refused: ['count>0'],
    latency: [`p(95)<=${number('P95_MS', 2000)}`],
    overhead: [`p(95)<=${number('OVERHEAD_P95_MS', 1000)}`],
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
  if (answer.status === 0) return `No answer from ${url} (${answer.error}): is HEARTH_URL right?`;
  if ([401, 403].includes(answer.status)) {
    return `${url} does not accept HEARTH_API_KEY (${answer.status} ${answer.body}): are both right?`;
  }
  return `${url} answered ${answer.status} when asked for the function ${name}: ${answer.body}`;
}

function missing() {
  const how = __ENV.FUNCTION
    ? `add \`-e ZIP=${OWN_ZIP}\` after \`make loadtest-zips\`, or deploy your own`
    : 'run `make loadtest-zips` in a clone of Hearth and start again, and this script deploys it';
  return `There is no function ${name} at ${url}: ${how}.`;
}

function deploy() {
  const query = 'runtime=python3.11&handler=lambda_function.lambda_handler&memory_mb=256&timeout_s=30';
  const headers = { 'x-api-key': key, 'content-type': 'application/zip' };
  const answer = http.put(`${url}/functions/${name}?${query}`, zip, { headers });
  if (![200, 201].includes(answer.status)) {
    exec.test.abort(`The function ${name} could not be deployed: ${answer.status} ${answer.body || answer.error}`);
  }
}

function claimedAddress() {
  return Array.from({ length: 4 }, () => 1 + Math.floor(Math.random() * 254)).join('.');
}

function call(apiKey) {
  const headers = { 'x-api-key': apiKey, 'content-type': 'application/json', 'X-Forwarded-For': claimedAddress() };
  return http.post(`${url}/functions/${name}/invocations`, event, { headers });
}

export default function () {
  const answer = call(key);
  const handlerMs = answer.status === 200 ? answer.json('duration_ms') : undefined;
  const good = check(answer, {
    'answers 200': (it) => it.status === 200,
    'with its own duration': () => typeof handlerMs === 'number',
  });
  answered.add(good);
  if (answer.status >= 200 && answer.status < 300) latency.add(answer.timings.duration);
  if (answer.status === 429) refusal.add(answer.timings.duration);
  if (good) overhead.add(answer.timings.duration - handlerMs);
  sleep(thinkS);
}

export function flood() {
  const answer = call('nobodys-key');
  if (answer.status === 429) {
    refused.add(1);
    refusal.add(answer.timings.duration);
  }
  limited.add([401, 403, 429].includes(answer.status));
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
  return `\nHearth, ${name} at ${url}\n${line('answered 200', 'answered_200')}`
    + line('whole call, ms', 'latency') + line('without the handler, ms', 'overhead') + line('refused, ms', 'refusal')
    + line('refused in the flood', 'refused')
    + (broken.length ? `  BROKEN: ${broken.join(', ')}\n` : '  every threshold holds\n');
}
