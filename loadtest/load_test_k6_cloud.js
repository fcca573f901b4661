// The load on a deployed Hearth: the capacity load, then a flood that must be limited whatever X-Forwarded-For it claims.
//
//   k6 run -e HEARTH_URL=https://…/api -e HEARTH_API_KEY=… -e FUNCTION=heavy loadtest/load_test_k6_cloud.js
//
// Each request claims to come from another, random address. The flood calls with a key that does not exist: such a call
// is counted for the caller's address alone, so that a 429 can come from nothing else. It costs no run.
// It imports nothing but k6. Everything that can be said differently is a variable:
//   HEARTH_URL, HEARTH_API_KEY   where, and as whom: both must be set
//   FUNCTION, ZIP                which function; with ZIP (a path seen from this file's folder) it is deployed first
//   USERS, FIRST_USERS           50 users in the end, 20 after the first ramp
//   RAMP_S, RISE_S, FALL_S       5 s up to FIRST_USERS, 20 s up to USERS, 5 s down
//   THINK_S, N, NAP_S            1 s between two calls of a user; fibonacci(20); a nap of 0.5 s
//   P95_MS, OVERHEAD_P95_MS      thresholds: of the whole call, and of the call without the function's own time
//   FLOOD_USERS, FLOOD_S         100 callers without a pause for 15 s: more than the limit per address, or it finds none
//   SUMMARY                      a file for the summary as JSON
import { check, sleep } from 'k6';
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
const zip = __ENV.ZIP ? open(__ENV.ZIP, 'b') : null;
const event = JSON.stringify({ n: number('N', 20), nap_s: number('NAP_S', 0.5) });
const thinkS = number('THINK_S', 1);
const stages = [['RAMP_S', 5, 'FIRST_USERS', 20], ['RISE_S', 20, 'USERS', 50], ['FALL_S', 5]]
  .map(([length, s, users, many]) => ({ duration: `${number(length, s)}s`, target: users ? number(users, many) : 0 }));
const capacityS = stages.reduce((sum, stage) => sum + parseFloat(stage.duration), 0);

const overhead = new Trend('overhead', true);
const refused = new Counter('refused');
const answered = new Rate('answered_200');
const limited = new Rate('flood_only_401_403_429');

export const options = {
  scenarios: {
    capacity: { executor: 'ramping-vus', startVUs: 0, stages, gracefulRampDown: '30s' },
    flood: {
      executor: 'constant-vus',
      exec: 'flood',
      vus: number('FLOOD_USERS', 100),
      duration: `${number('FLOOD_S', 15)}s`,
      startTime: `${capacityS + 2}s`, // the last calls of the capacity load must not meet a bucket that is empty
    },
  },
  thresholds: {
    answered_200: ['rate==1'],
    flood_only_401_403_429: ['rate==1'],
    refused: ['count>0'],
    'http_req_duration{scenario:capacity}': [`p(95)<=${number('P95_MS', 2000)}`],
    overhead: [`p(95)<=${number('OVERHEAD_P95_MS', 1000)}`],
  },
  summaryTrendStats: ['min', 'med', 'p(90)', 'p(95)', 'p(99)', 'max'],
};

function claimedAddress() {
  return Array.from({ length: 4 }, () => 1 + Math.floor(Math.random() * 254)).join('.');
}

function call(apiKey) {
  const headers = { 'x-api-key': apiKey, 'content-type': 'application/json', 'X-Forwarded-For': claimedAddress() };
  return http.post(`${url}/functions/${name}/invocations`, event, { headers });
}

export function setup() {
  if (!zip) return;
  const query = 'runtime=python3.11&handler=lambda_function.lambda_handler&memory_mb=256&timeout_s=30';
  const headers = { 'x-api-key': key, 'content-type': 'application/zip' };
  const answer = http.put(`${url}/functions/${name}?${query}`, zip, { headers });
  if (![200, 201].includes(answer.status)) throw new Error(`not deployed: ${answer.status} ${answer.body}`);
}

export default function () {
  const answer = call(key);
  const handlerMs = answer.status === 200 ? answer.json('duration_ms') : undefined;
  const good = check(answer, {
    'answers 200': (it) => it.status === 200,
    'with its own duration': () => typeof handlerMs === 'number',
  });
  answered.add(good);
  if (good) overhead.add(answer.timings.duration - handlerMs);
  sleep(thinkS);
}

export function flood() {
  const answer = call('nobodys-key');
  if (answer.status === 429) refused.add(1);
  limited.add([401, 403, 429].includes(answer.status));
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
  return `\nHearth, ${name} at ${url}\n${line('answered 200', 'answered_200')}`
    + line('whole call, ms', 'http_req_duration{scenario:capacity}') + line('without the handler, ms', 'overhead')
    + line('refused in the flood', 'refused')
    + (broken.length ? `  BROKEN: ${broken.join(', ')}\n` : '  every threshold holds\n');
}
