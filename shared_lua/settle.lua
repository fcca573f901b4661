-- Gives a synchronous caller its answer, once, whoever asks how often.
--
-- KEYS[1]   list on which the caller waits
-- KEYS[2]   marker that the answer was given
-- ARGV[1]   the settlement, as contract JSON
-- ARGV[2]   how long an answer nobody fetches is kept, ms
-- answer    1 = given now, 0 = had been given before

if not redis.call('SET', KEYS[2], '1', 'NX', 'PX', ARGV[2]) then
  return 0
end
redis.call('RPUSH', KEYS[1], ARGV[1])
redis.call('PEXPIRE', KEYS[1], ARGV[2])
return 1
