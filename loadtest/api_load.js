// What k6 runs for `make bench-api`: equal requests, scenario by scenario, as PLAN (JSON, made by k6.py) says.
// It judges nothing, and imports nothing but what k6 itself brings.

import exec from "k6/execution";
import http from "k6/http";
import { Trend } from "k6/metrics";

const plan = JSON.parse(__ENV.PLAN);

export const options = {
  scenarios: plan.scenarios,
  // k6 tells apart in its summary only what a threshold names; these are always true.
  thresholds: plan.thresholds,
  summaryTrendStats: ["count", "med", "p(95)"],
  systemTags: ["scenario"],
  discardResponseBodies: true,
};

// From wanting a connection to the last byte. k6's own http_req_duration leaves the waiting for a connection out.
const answerMs = new Trend("answer_ms", true);

export function ask() {
  const { method, url, body, headers } = plan.asks[exec.scenario.name];
  const answer = http.request(method, url, body, { headers });
  const { blocked, connecting, duration } = answer.timings;
  answerMs.add(blocked + connecting + duration, { status: String(answer.status) });
}

export function handleSummary(data) {
  return { stdout: JSON.stringify(data) };
}
