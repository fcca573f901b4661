-- Ends an Invocation on Redis's side, in one step: frees its permits and gives its caller the answer, once. On the
-- express lane it also keeps the record until it is in the ledger, and frees the worker's capacity or dispatches it.
-- include lib/clock
-- include lib/dispatch

local answer = KEYS[1]               -- list on which the caller waits
local answered = KEYS[2]             -- marker that the answer was given: the record's id in the stream, if it has one
local function_permits = KEYS[3]     -- sorted sets of the Invocations that hold a permit, by deadline, ms
local tenant_permits = KEYS[4]
local tenant_fleet_permits = KEYS[5]
local fleet_permits = KEYS[6]
local invocation_id = ARGV[1]
local settlement = ARGV[2]           -- as contract JSON; empty when no caller waits
local keep_ms = ARGV[3]              -- how long an answer is kept that no caller fetches

-- For the express lane:
local is_express = #KEYS > 6
local in_flight = KEYS[7]            -- list of the Invocations that the worker took off its lane and has not ended
local free_capacity = KEYS[8]        -- sorted set: how many more runs each worker can take
local warm_workers = KEYS[9]         -- sorted set of the workers with the version warm, by when they last ran it, ms
local records = KEYS[10]             -- stream of the records on their way to the ledger
local waiting = KEYS[11]             -- list of the Invocations that wait for capacity
local lane = KEYS[12]                -- list: the worker's express lane
local able_workers = KEYS[13]        -- sorted set of the workers that can start functions
local worker = ARGV[4]
local item = ARGV[5]                 -- the Invocation as it lay on the lane
local spare = tonumber(ARGV[6])      -- how many stay free for callers

-- Answers {given, entry}:
--   given   1 = the answer was given now, 0 = it had been given before, or no caller waits
--   entry   the record's id in the stream; empty when there is none
--
-- The worker that has an Invocation in flight has the claim to it. If it is in flight no more, the worker was taken
-- for dead and the Invocation was given to the durable lane: this end of it is superseded. It is neither recorded nor
-- billed, and no caller is told.
local WARM_MS = 900000
if is_express and redis.call('LREM', in_flight, 1, item) == 0 then
  return {0, ''}
end
for _, permits in ipairs({function_permits, tenant_permits, tenant_fleet_permits, fleet_permits}) do
  redis.call('ZREM', permits, invocation_id)
end
local entry = ''
if is_express then
  redis.call('ZADD', free_capacity, 'XX', 'INCR', 1, worker)
  dispatch(worker, able_workers, free_capacity, waiting, lane, spare)
  redis.call('ZADD', warm_workers, redis_now_ms(), worker)
  redis.call('PEXPIRE', warm_workers, WARM_MS)
  entry = redis.call('XADD', records, '*', 'invocation', item, 'settlement', settlement)
end
if settlement == '' or not redis.call('SET', answered, entry, 'NX', 'PX', keep_ms) then
  return {0, entry}
end
redis.call('RPUSH', answer, settlement)
redis.call('PEXPIRE', answer, keep_ms)
return {1, entry}
