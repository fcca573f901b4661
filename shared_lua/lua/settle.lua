-- Ends an Invocation on Redis's side, in one step: its permits are free again, who waits for it gets its answer, once; and
-- of the express lane its record is kept until it is in the ledger, and the worker's place is free again, or who waits
-- for one has it.
--
-- KEYS[1]   list on which the caller waits
-- KEYS[2]   marker that the answer was given: the record's id in the stream, empty when it has none
-- KEYS[3]   permits of the function                  KEYS[4]  permits of the tenant
-- KEYS[5]   permits of the fleet that the tenant has  KEYS[6]  permits of the fleet
--           and for the express lane:
-- KEYS[7]   what the worker has in flight
-- KEYS[8]   free places, by worker
-- KEYS[9]   workers that have the version warm, by when they last ran it, ms
-- KEYS[10]  stream of records on their way to the ledger
-- KEYS[11]  Invocations that wait for a place
-- KEYS[12]  the worker's lane
-- KEYS[13]  workers that can start functions
-- ARGV[1]   the Invocation's id
-- ARGV[2]   the settlement, as contract JSON; empty when nobody waits
-- ARGV[3]   how long an answer nobody fetches is kept, ms
--           and for the express lane:
-- ARGV[4]   the worker
-- ARGV[5]   the Invocation as it lay on the lane
-- ARGV[6]   how many places stay free for callers who come
-- answer    {given, entry}
--   given   1 = the answer was given now, 0 = it had been given before, or nobody waits
--   entry   the record's id in the stream; empty when there is none
--
-- Who has an Invocation in flight has the claim to it. If it is there no more, the worker was taken for dead and the
-- Invocation was given to the durable lane: this end of it does not count, is not billed and is told to nobody.

local is_express = #KEYS > 6
if is_express and redis.call('LREM', KEYS[7], 1, ARGV[5]) == 0 then
  return {0, ''}
end
for permits = 3, 6 do
  redis.call('ZREM', KEYS[permits], ARGV[1])
end
local entry = ''
if is_express then
  local clock = redis.call('TIME')
  redis.call('ZADD', KEYS[8], 'XX', 'INCR', 1, ARGV[4])
  dispatch(ARGV[4], KEYS[13], KEYS[8], KEYS[11], KEYS[12], tonumber(ARGV[6]))
  redis.call('ZADD', KEYS[9], tonumber(clock[1]) * 1000 + math.floor(tonumber(clock[2]) / 1000), ARGV[4])
  redis.call('PEXPIRE', KEYS[9], 900000)
  entry = redis.call('XADD', KEYS[10], '*', 'invocation', ARGV[5], 'settlement', ARGV[2])
end
if ARGV[2] == '' or not redis.call('SET', KEYS[2], entry, 'NX', 'PX', ARGV[3]) then
  return {0, entry}
end
redis.call('RPUSH', KEYS[1], ARGV[2])
redis.call('PEXPIRE', KEYS[1], ARGV[3])
return {1, entry}
