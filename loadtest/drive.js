// Puts the load on that `python -m loadtest` plans: PLAN is a JSON file of {scenarios, calls}, both by scenario's name.
//
// It judges nothing. What it measures goes to k6's CSV: `http_req_duration` by status, `overhead` (the call without the
// handler's own time) and `to_record` (until the terminal record was there), the last two with the Invocation's id.
import { sleep } from 'k6';
import exec from 'k6/execution';
import http from 'k6/http';
import { Trend } from 'k6/metrics';

const plan = JSON.parse(open(__ENV.PLAN));
const overhead = new Trend('overhead', true);
const toRecord = new Trend('to_record', true);
const TERMINAL = ['succeeded', 'failed', 'expired', 'abandoned'];
const LOOK_S = 0.1;
const EXPECTED = [200, 202, 429];
let complained = false; // each caller has its own: one word of each is enough

export const options = {
  scenarios: plan.scenarios,
  systemTags: ['status', 'scenario', 'error_code'],
  summaryTrendStats: ['med', 'p(95)'],
  setupTimeout: '5s',
};

function invoke(asked) {
  const number = exec.scenario.iterationInTest;
  const headers = { 'x-api-key': asked.api_key, 'content-type': 'application/json', ...asked.headers };
  if (asked.lane === 'durable') headers['Idempotency-Key'] = `${plan.run}-${exec.scenario.name}-${number}`;
  const answer = http.post(asked.url.replace('{number}', number), asked.event, { headers, timeout: '90s' });
  if (!EXPECTED.includes(answer.status) && !complained) {
    complained = true;
    console.error(`complaint ${answer.status} ${answer.error_code || ''} ${String(answer.body || answer.error).slice(0, 300)}`);
  }
  return answer;
}

export function sync() {
  const asked = plan.calls[exec.scenario.name];
  const answer = invoke(asked);
  const handlerMs = answer.status === 200 ? answer.json('duration_ms') : undefined;
  if (typeof handlerMs === 'number') {
    const { metadata } = exec.vu.metrics;
    metadata.id = answer.headers['X-Hearth-Invocation-Id'] || '';
    metadata.whole_ms = `${answer.timings.duration}`; // no tags: each value of a tag would be a series of its own
    overhead.add(answer.timings.duration - handlerMs);
    delete metadata.id;
    delete metadata.whole_ms;
  }
  if (asked.think_s) sleep(asked.think_s);
}

// An asynchronous call, and the wait for its record. How long that took is told by the record's own two moments.
export function record() {
  const asked = plan.calls[exec.scenario.name];
  const answer = invoke(asked);
  if (answer.status !== 202) return;
  const url = asked.records + answer.json('invocation_id');
  for (let looks = 0; looks < 600; looks += 1) {
    sleep(LOOK_S);
    const found = http.get(url, { headers: { 'x-api-key': asked.api_key }, tags: { look: '1' } });
    if (found.status === 200 && TERMINAL.includes(found.json('status'))) {
      exec.vu.metrics.metadata.id = answer.json('invocation_id');
      toRecord.add(new Date(found.json('settled')) - new Date(found.json('created')));
      delete exec.vu.metrics.metadata.id;
      return;
    }
  }
}

export function handleSummary() {
  return {};
}
