-- Gives borrowed capacity back to a worker's express lane; a worker that Redis has forgotten gets nothing back.
-- include lib/dispatch

local free_capacity = KEYS[1]        -- sorted set: how many more runs each worker can take
local waiting = KEYS[2]              -- list of the Invocations that wait for capacity
local lane = KEYS[3]                 -- list: the worker's express lane
local able_workers = KEYS[4]         -- sorted set of the workers that can start functions
local worker = ARGV[1]
local returned = tonumber(ARGV[2])   -- how many runs' capacity
local spare = tonumber(ARGV[3])      -- how many stay free for callers

redis.call('ZADD', free_capacity, 'XX', 'INCR', returned, worker)
dispatch(worker, able_workers, free_capacity, waiting, lane, spare)
