-- Ends an Invocation on Redis's side: its seats are free again, and who waits for it gets its answer, once.
--
-- KEYS[1]   list on which the caller waits
-- KEYS[2]   marker that the answer was given
-- KEYS[3]   seats of the function      KEYS[4]  seats of the tenant      KEYS[5]  seats of the fleet
-- ARGV[1]   the Invocation's id
-- ARGV[2]   the settlement, as contract JSON; empty when nobody waits
-- ARGV[3]   how long an answer nobody fetches is kept, ms
-- answer    1 = given now, 0 = had been given before, or nobody waits

for seats = 3, 5 do
  redis.call('ZREM', KEYS[seats], ARGV[1])
end
if ARGV[2] == '' or not redis.call('SET', KEYS[2], '1', 'NX', 'PX', ARGV[3]) then
  return 0
end
redis.call('RPUSH', KEYS[1], ARGV[2])
redis.call('PEXPIRE', KEYS[1], ARGV[3])
return 1
