# Gateways may use the keys that are theirs, and ask how Redis is set up; not change that, nor write to a disk.
exec redis-server - <<END
$(cat /etc/redis/redis.conf)
user default on >$(cat /run/secrets/redis/password) ~limner:* &* +@all -@admin -@dangerous +config|get +info
END
