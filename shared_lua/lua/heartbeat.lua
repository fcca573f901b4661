-- Records that a worker lives, whether it can start functions, and how much capacity its express lane has.
-- include lib/clock
-- include lib/dispatch

local living_workers = KEYS[1]       -- sorted set of the workers that live, by when their heartbeat expires, ms
local able_workers = KEYS[2]         -- the same of those that can start functions
local free_capacity = KEYS[3]        -- sorted set: how many more runs each worker can take
local epoch = KEYS[4]                -- text that a Redis which has lost its memory has not
local waiting = KEYS[5]              -- list of the Invocations that wait for capacity
local lane = KEYS[6]                 -- list: the worker's express lane
local worker = ARGV[1]
local valid_ms = tonumber(ARGV[2])   -- how long this heartbeat counts
local is_able = ARGV[3] == '1'       -- it can start functions
local free = tonumber(ARGV[4])       -- its free capacity, used where Redis has none on record; -1 = no express lane
local new_epoch = ARGV[5]            -- the epoch to begin with if there is none
local spare = tonumber(ARGV[6])      -- how many stay free for callers

-- Answers the epoch.
--
-- Capacity is counted by the scripts that grant it and give it back, never by the worker: its own count would be a
-- moment old. A worker that Redis has forgotten begins anew; that it was forgotten it learns from the epoch.
local until_ms = redis_now_ms() + valid_ms
redis.call('ZADD', living_workers, until_ms, worker)
if is_able then
  redis.call('ZADD', able_workers, until_ms, worker)
else
  redis.call('ZREM', able_workers, worker)
end
if free < 0 then
  redis.call('ZREM', free_capacity, worker)
else
  redis.call('ZADD', free_capacity, 'NX', free, worker)
  dispatch(worker, able_workers, free_capacity, waiting, lane, spare)
end
redis.call('SET', epoch, new_epoch, 'NX')
return redis.call('GET', epoch)
