-- Cancels the wait of an Invocation for an express lane, so that it can go to the durable lane instead.

local waiting = KEYS[1]              -- list of the Invocations that wait for capacity
local fleet_permits = KEYS[2]        -- sorted set of the Invocations that hold a permit of the fleet
local answered = KEYS[3]             -- marker: this Invocation's answer was given
local invocation_id = ARGV[1]
local item = ARGV[2]                 -- the Invocation as it lies in the list

-- Answers 1 when no worker has it, 0 when a worker has it or had it.
--
-- An Invocation that does not wait, holds no permit and has no answer was forgotten with all that this Redis knew. Its
-- caller would wait in vain, and be given the address of a record that no worker ever writes: so it counts as
-- cancelled.
if redis.call('LREM', waiting, 1, item) == 1 then
  return 1
end
local is_known = redis.call('ZSCORE', fleet_permits, invocation_id) or redis.call('EXISTS', answered) == 1
return is_known and 0 or 1
