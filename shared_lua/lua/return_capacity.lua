-- Gives borrowed places of a worker's express lane back; a worker that Redis has forgotten has nothing to get back.
--
-- KEYS[1]   free places, by worker
-- KEYS[2]   Invocations that wait for a place
-- KEYS[3]   the worker's lane
-- KEYS[4]   workers that can start functions
-- ARGV[1]   the worker
-- ARGV[2]   how many
-- ARGV[3]   how many stay free for callers who come

redis.call('ZADD', KEYS[1], 'XX', 'INCR', ARGV[2], ARGV[1])
dispatch(ARGV[1], KEYS[4], KEYS[1], KEYS[2], KEYS[3], tonumber(ARGV[3]))
