// Puts a planned load on a server. It judges nothing. `k6.py` runs it with two files:
//   PLAN     JSON: k6's options, what each k6 scenario calls, and a name for this run
//   SUMMARY  where k6's summary goes, as JSON
//
// Metrics, beside k6's own: `overhead` (a call's latency without the handler's own time) and `to_record` (from the
// acceptance of an asynchronous call to its terminal record), both with the Invocation's id as metadata in k6's CSV;
// and `answer_ms`, by status.
import { sleep } from 'k6';
import exec from 'k6/execution';
import http from 'k6/http';
import { Trend } from 'k6/metrics';

const plan = JSON.parse(open(__ENV.PLAN));
const overhead = new Trend('overhead', true);
const toRecord = new Trend('to_record', true);
const answerMs = new Trend('answer_ms', true);
const TERMINAL = ['succeeded', 'failed', 'expired', 'abandoned'];
const LOOK_S = 0.1;
const LOOKS = 600;
const EXPECTED = [200, 202, 429];
let complained = false; // each client has its own of this: one complaint of each is enough

export const options = plan.options;

// Equal requests, of which only status and length matter. The length includes the wait for a connection, which k6's
// own http_req_duration leaves out.
export function request() {
  const { method, url, body, headers } = plan.calls[exec.scenario.name];
  const answer = http.request(method, url, body, { headers });
  const { blocked, connecting, duration } = answer.timings;
  answerMs.add(blocked + connecting + duration, { status: String(answer.status) });
}

// A synchronous call, then a pause.
export function sync() {
  const call = plan.calls[exec.scenario.name];
  const answer = invoke(call);
  const handlerMs = answer.status === 200 ? answer.json('duration_ms') : undefined;
  if (typeof handlerMs === 'number') {
    const { duration } = answer.timings;
    const id = answer.headers['X-Hearth-Invocation-Id'] || '';
    withMetadata({ id, whole_ms: `${duration}` }, () => overhead.add(duration - handlerMs));
  }
  if (call.think_s) sleep(call.think_s);
}

// An asynchronous call, and the wait for its terminal record.
export function record() {
  const call = plan.calls[exec.scenario.name];
  const answer = invoke(call);
  if (answer.status !== 202) return;
  const id = answer.json('invocation_id');
  const found = terminalRecord(call.records + id, call.headers['x-api-key']);
  if (found) withMetadata({ id }, () => toRecord.add(new Date(found.settled) - new Date(found.created)));
}

function invoke(call) {
  const number = exec.scenario.iterationInTest;
  const headers = call.idempotent
    ? { ...call.headers, 'Idempotency-Key': `${plan.run}-${exec.scenario.name}-${number}` }
    : call.headers;
  const answer = http.post(call.url.replace('{number}', number), call.body, { headers, timeout: '90s' });
  if (!EXPECTED.includes(answer.status)) complain(answer);
  return answer;
}

function complain(answer) {
  if (complained) return;
  complained = true;
  const text = String(answer.body || answer.error).slice(0, 300);
  console.error(`complaint ${answer.status} ${answer.error_code || ''} ${text}`);
}

function terminalRecord(url, apiKey) {
  for (let looks = 0; looks < LOOKS; looks += 1) {
    sleep(LOOK_S);
    const answer = http.get(url, { headers: { 'x-api-key': apiKey }, tags: { look: '1' } });
    if (answer.status === 200 && TERMINAL.includes(answer.json('status'))) return answer.json();
  }
  return null;
}

// As metadata and not as tags: each value of a tag would be a series of its own in k6's memory.
function withMetadata(values, add) {
  const { metadata } = exec.vu.metrics;
  Object.assign(metadata, values);
  add();
  Object.keys(values).forEach((name) => delete metadata[name]);
}

export function handleSummary(data) {
  return { [__ENV.SUMMARY]: JSON.stringify(data) };
}
