-- Takes one token from every named bucket, or from none of them.
--
-- KEYS[i]            hash of bucket i: `tokens` (a decimal number) and `at_us` (Redis's clock when it was counted)
-- ARGV[2i-1]         rate of bucket i, tokens per second
-- ARGV[2i]           burst of bucket i, the most it holds
-- answer             {refusing, wait_ms, remaining, limit, reset_ms}
--   refusing         0 = admitted, else the number of the first bucket that had no token
--   wait_ms          how long until that bucket has one (0 when admitted)
--   remaining        whole tokens left in the tightest bucket
--   limit            the burst of that bucket
--   reset_ms         how long until that bucket is full again
--
-- Time is Redis's own, so callers with wrong clocks cannot mint tokens. A bucket at rest is a full one, so its key
-- may expire as soon as it would be full: idle callers cost no memory.

local now = redis.call('TIME')
local now_us = tonumber(now[1]) * 1000000 + tonumber(now[2])

local function counted(key, rate, burst)
  local kept = redis.call('HMGET', key, 'tokens', 'at_us')
  local tokens, at_us = tonumber(kept[1]), tonumber(kept[2])
  if not tokens or not at_us then
    return burst
  end
  local elapsed_us = math.max(0, now_us - at_us)
  return math.min(burst, tokens + elapsed_us * rate / 1000000)
end

local tokens, tightest = {}, 1
for i, key in ipairs(KEYS) do
  local rate, burst = tonumber(ARGV[2 * i - 1]), tonumber(ARGV[2 * i])
  tokens[i] = counted(key, rate, burst)
  if tokens[i] < 1 then
    local wait_ms = math.ceil((1 - tokens[i]) * 1000 / rate)
    return {i, wait_ms, 0, burst, math.ceil((burst - tokens[i]) * 1000 / rate)}
  end
  if tokens[i] < tokens[tightest] then
    tightest = i
  end
end

for i, key in ipairs(KEYS) do
  local rate, burst = tonumber(ARGV[2 * i - 1]), tonumber(ARGV[2 * i])
  tokens[i] = tokens[i] - 1
  redis.call('HSET', key, 'tokens', string.format('%.6f', tokens[i]), 'at_us', string.format('%.0f', now_us))
  redis.call('PEXPIRE', key, math.ceil((burst - tokens[i]) * 1000 / rate) + 1000)
end

local rate, burst = tonumber(ARGV[2 * tightest - 1]), tonumber(ARGV[2 * tightest])
return {0, 0, math.floor(tokens[tightest]), burst, math.ceil((burst - tokens[tightest]) * 1000 / rate)}
