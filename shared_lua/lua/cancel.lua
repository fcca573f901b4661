-- Takes back an Invocation that waits for a place of an express lane, so that it can be given to the durable lane.
--
-- KEYS[1]   Invocations that wait for a place
-- KEYS[2]   permits of the fleet
-- KEYS[3]   marker that the answer was given
-- ARGV[1]   the Invocation's id
-- ARGV[2]   the Invocation as it waits
-- answer    1 = nobody has it, 0 = a worker has it, or had it
--
-- What waits no more and has neither a permit nor an answer was forgotten, with all that this Redis knew. Whoever waits
-- for it would wait in vain, and be given the address of a record that nobody ever ends.

if redis.call('LREM', KEYS[1], 1, ARGV[2]) == 1 then
  return 1
end
local is_known = redis.call('ZSCORE', KEYS[2], ARGV[1]) or redis.call('EXISTS', KEYS[3]) == 1
return is_known and 0 or 1
