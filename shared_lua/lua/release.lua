-- Lets go of an Invocation that a worker has in flight and cannot run: it goes to the durable lane, its place is free again.
-- Who waits for a place gets that one with the worker's next word, in which it may say that it cannot start functions.
--
-- KEYS[1]   what the worker has in flight
-- KEYS[2]   orphans: Invocations on their way from a worker's hands to the durable lane
-- KEYS[3]   free places, by worker
-- ARGV[1]   the worker
-- ARGV[2]   the Invocation as it lay on the lane
-- answer    1 = let go now, 0 = it was not in flight any more

if redis.call('LREM', KEYS[1], 1, ARGV[2]) == 0 then
  return 0
end
redis.call('RPUSH', KEYS[2], ARGV[2])
redis.call('ZADD', KEYS[3], 'XX', 'INCR', 1, ARGV[1])
return 1
