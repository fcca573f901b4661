-- Decides in one round trip whether a call may go: rate tokens, whether what the caller's side remembers is still so,
-- and for an Invocation that somebody waits for a concurrency permit, and the lane: a worker's free place, a short wait for
-- the next one, or the queue.
--
-- KEYS[1]    bucket of the caller's address      KEYS[2]  bucket of the tenant
-- KEYS[3]    cache_version of the tenant's keys and limits
--            and for an Invocation:
-- KEYS[4]    cache_version of the function          KEYS[5]  permits of the function    KEYS[6]  permits of the tenant
-- KEYS[7]    permits of the fleet that the tenant has                               KEYS[8]  permits of the fleet
-- KEYS[9]    workers, `<id>|<how many at once>` by when they expire, ms
-- KEYS[10]   free places, by worker              KEYS[11] workers that have the version warm, by when they last ran it
-- KEYS[12]   beginning of the keys of the workers' lanes
-- KEYS[13]   Invocations that wait for a place
-- ARGV[1,2]  rate per second and burst of the address; rate 0 = take nothing
-- ARGV[3,4]  the same of the tenant
-- ARGV[5]    cache_version of the keys as the caller's side remembers it; * = it does not matter
--            and for an Invocation:
-- ARGV[6]    cache_version of the function as remembered
-- ARGV[7]    the Invocation's id                 ARGV[8]  how long its permit lasts at most, ms; 0 = it needs none
-- ARGV[9]    permits reserved for the function; -1 = none, it shares the tenant's
-- ARGV[10]   permits of the tenant for functions without reserved ones
-- ARGV[11]   permits beyond what the fleet's workers run at once: a short wait behind them
-- ARGV[12]   the Invocation as contract JSON; empty = it goes by the queue, whatever is free
-- answer     {word, wait_ms, remaining, limit, reset_ms, cache_version of the keys, cache_version of the function}
--   word     go                                 it may, by the queue
--            express                            it may, and lies on a worker's lane already
--            waits                              it may, and waits for the next place that is given back
--            address, tenant                     no rate token: nothing was taken
--            function, concurrency, fleet        no permit: its tokens are gone, as an attempt counts
--            credentials, record                 what is remembered is stale: look again, with the cache_version given
--   others   wait_ms until it may go (0 when it may), and the tightest limit: what remains, of how many, full when
--
-- A bucket is one number, the moment at which it would be full again (GCRA, which is a token bucket): one read, one
-- write, and the key expires when the bucket is full, so idle callers cost no memory. A permit has a deadline, so a lost
-- one comes back by itself. Time is Redis's own. A cache_version that Redis has lost is made anew from the clock, so that
-- it differs from every one that was remembered.

local clock = redis.call('TIME')
local now_us = tonumber(clock[1]) * 1000000 + tonumber(clock[2])
local now_ms = math.floor(now_us / 1000)
local DAY_MS = 86400000

local function cache_version(key)
  local kept = redis.call('GET', key)
  if not kept then
    kept = string.format('%.0f', now_us)
    redis.call('SET', key, kept, 'PX', DAY_MS)
  end
  return kept
end

local keys_cache_version = cache_version(KEYS[3])
if ARGV[5] ~= '*' and ARGV[5] ~= keys_cache_version then
  return {'credentials', 0, 0, 0, 0, keys_cache_version, ''}
end

-- What a bucket holds is told by how long it would take to be full: one token for each `step`.
local function look(word, key, rate, burst)
  local step_us = 1000000 / rate
  local missing_us = math.max(0, (tonumber(redis.call('GET', key)) or 0) - now_us)
  local tokens = burst - missing_us / step_us + 0.000001
  return {word = word, key = key, burst = burst, step_us = step_us, missing_us = missing_us, tokens = tokens}
end

local buckets, tightest = {}, nil
for i, word in ipairs({'address', 'tenant'}) do
  local rate, burst = tonumber(ARGV[2 * i - 1]), tonumber(ARGV[2 * i])
  if rate > 0 then
    local bucket = look(word, KEYS[i], rate, burst)
    if bucket.tokens < 1 then
      local wait_ms = math.ceil((1 - bucket.tokens) * bucket.step_us / 1000)
      return {word, math.max(1, wait_ms), 0, burst, math.ceil(bucket.missing_us / 1000), keys_cache_version, ''}
    end
    if not tightest or bucket.tokens < tightest.tokens then
      tightest = bucket
    end
    table.insert(buckets, bucket)
  end
end
for _, bucket in ipairs(buckets) do
  bucket.missing_us = bucket.missing_us + bucket.step_us
  local full_us = string.format('%.0f', now_us + bucket.missing_us)
  redis.call('SET', bucket.key, full_us, 'PX', math.ceil(bucket.missing_us / 1000) + 1)
end

local function answer(word, wait_ms, limit, function_cache_version)
  if limit then
    return {word, wait_ms, 0, limit, wait_ms, keys_cache_version, function_cache_version}
  end
  if not tightest then
    return {word, 0, 0, 0, 0, keys_cache_version, function_cache_version}
  end
  local reset_ms = math.ceil(tightest.missing_us / 1000)
  return {word, 0, math.floor(tightest.tokens - 1), tightest.burst, reset_ms, keys_cache_version, function_cache_version}
end

if #KEYS == 3 then
  return answer('go', 0, nil, '')
end

local function_cache_version = cache_version(KEYS[4])
if function_cache_version ~= ARGV[6] then
  return answer('record', 0, nil, function_cache_version)
end
local permit_ms = tonumber(ARGV[8])
if permit_ms == 0 then
  return answer('go', 0, nil, function_cache_version)
end

-- Nobody knows when a permit will be given back; a second is what a caller may well wait before it asks again.
local RETRY_MS = 1000
local function taken(key)
  redis.call('ZREMRANGEBYSCORE', key, '-inf', now_ms)
  return redis.call('ZCARD', key)
end
local function capacity()
  local permits = tonumber(ARGV[11])
  for _, worker in ipairs(redis.call('ZRANGEBYSCORE', KEYS[9], now_ms, '+inf')) do
    permits = permits + tonumber(string.match(worker, '|(%d+)$'))
  end
  return permits
end

local reserved = tonumber(ARGV[9])
local word, shared, limit = 'function', KEYS[5], reserved
if reserved < 0 then
  word, shared, limit = 'concurrency', KEYS[6], tonumber(ARGV[10])
end
if taken(shared) >= limit then
  return answer(word, RETRY_MS, limit, function_cache_version)
end
-- Nobody's flood may take the last permits, nor the last places: a tenant gets another one only while it has fewer than
-- FAIR times as many as are still free. Alone it comes to eight ninths, beside another flood to eight seventeenths, and
-- who has none finds one free (dynamic thresholds, Choudhury and Hahne, IEEE/ACM Transactions on Networking 6(2), 1998).
local FAIR = 8
local fleet, held = capacity(), taken(KEYS[7])
local free_permits = fleet - taken(KEYS[8])
if free_permits <= 0 or held >= FAIR * free_permits then
  return answer('fleet', RETRY_MS, free_permits <= 0 and fleet or held, function_cache_version)
end
for _, permits in ipairs({shared, KEYS[7], KEYS[8]}) do
  redis.call('ZADD', permits, now_ms + permit_ms, ARGV[7])
  redis.call('PEXPIRE', permits, DAY_MS)
end

-- A worker that has the version warm is the best place, else the one with the most room. A few are looked at: a fleet
-- is not searched through while somebody waits.
local LOOKED_AT = 4
local function has_lane(worker)
  return (tonumber(redis.call('ZSCORE', KEYS[9], worker)) or 0) > now_ms
end
local function free_capacity()
  local free, lanes, scored = 0, 0, redis.call('ZRANGE', KEYS[10], 0, -1, 'WITHSCORES')
  for i = 1, #scored, 2 do
    if has_lane(scored[i]) then
      lanes = lanes + 1
      free = free + math.max(0, tonumber(scored[i + 1]))
    end
  end
  return free, lanes
end
local function place_of(candidates)
  for _, worker in ipairs(redis.call('ZREVRANGE', candidates, 0, LOOKED_AT - 1)) do
    local free = tonumber(redis.call('ZSCORE', KEYS[10], worker)) or 0
    if free > 0 and has_lane(worker) then
      return worker
    end
  end
  return nil
end
if ARGV[12] == '' then
  return answer('go', 0, nil, function_cache_version)
end
-- Past those who wait goes only a tenant that has fewer than are free: a flood must not overtake itself.
local free, lanes = free_capacity()
local most = redis.call('EXISTS', KEYS[13]) == 1 and free or FAIR * free
local worker = held < most and (place_of(KEYS[11]) or place_of(KEYS[10]))
if worker then
  redis.call('ZINCRBY', KEYS[10], -1, worker)
  redis.call('RPUSH', KEYS[12] .. worker, ARGV[12])
  return answer('express', 0, nil, function_cache_version)
end
if lanes == 0 then
  return answer('go', 0, nil, function_cache_version)
end
redis.call('RPUSH', KEYS[13], ARGV[12])
return answer('waits', 0, nil, function_cache_version)
