-- Moves all that a dead worker had, on its lane and in flight, to the orphaned Invocations, and forgets the worker.
-- include lib/clock

local living_workers = KEYS[1]       -- sorted set of the workers that live, by when their heartbeat expires, ms
local able_workers = KEYS[2]         -- the same of those that can start functions
local free_capacity = KEYS[3]        -- sorted set: how many more runs each worker can take
local lane = KEYS[4]                 -- list: the worker's express lane
local in_flight = KEYS[5]            -- list of the Invocations that the worker took off its lane and has not ended
local orphaned = KEYS[6]             -- list of the Invocations on their way from dead workers to the durable lane
local worker = ARGV[1]
local even_alive = ARGV[2] == '1'    -- the worker itself asks, as it stops

-- Answers how many Invocations it moved, -1 when the worker lives.
local until_ms = tonumber(redis.call('ZSCORE', living_workers, worker)) or 0
if not even_alive and until_ms > redis_now_ms() then
  return -1
end
local moved = 0
for _, list in ipairs({lane, in_flight}) do
  while redis.call('LMOVE', list, orphaned, 'LEFT', 'RIGHT') do
    moved = moved + 1
  end
end
for _, workers in ipairs({living_workers, able_workers, free_capacity}) do
  redis.call('ZREM', workers, worker)
end
return moved
