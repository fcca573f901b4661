#!/bin/sh
# Takes out of a Debian root what no function needs: package management, log-in, setuid bits, documents, translations.
# It runs last in a build, as nothing can be installed afterwards. Licences stay, as they must go with the programs,
# and so does dpkg's status, from which a scanner reads the versions of what is in here. The same sources and packages
# give the same bytes: what only tells when the image was built goes too.
set -eu

# The youngest file that came in a package: whatever is younger was made by this build.
youngest=$(dpkg-query -W -f '${Package}\n' | xargs dpkg-query -L | grep '^/usr/' | sort -u \
    | xargs -d '\n' stat -c '%F %Y' 2>/dev/null | sed -n 's/^regular file //p' | sort -n | tail -n 1)

gone='apt|libapt-pkg.*|adduser|base-passwd|debconf|debian-archive-keyring|dpkg|e2fsprogs|libext2fs.*|gpgv|sqv|libgnutls.*|libp11-kit.*|login.*|mount|passwd|perl.*|libperl.*|sysvinit-utils|util-linux.*|bsdutils|libseccomp2|libdebconfclient.*'
dpkg-query -W -f '${Package}\n' | grep -Ex "$gone" | xargs dpkg-query -L | sort -u >/tmp/gone
dpkg-query -W -f '${Package}\n' | grep -Evx "$gone" | xargs dpkg-query -L | sort -u >/tmp/kept
comm -23 /tmp/gone /tmp/kept | grep -v '/copyright$' | while read -r path; do
    [ -d "$path" ] && [ ! -L "$path" ] || rm -f "$path"
done
find / -xdev ! -type l -perm /6000 -exec chmod a-s {} +
find /usr/share/doc -mindepth 2 ! -type d ! -name copyright -delete
cp /var/lib/dpkg/status /tmp/status
rm -rf /var/lib/apt /var/lib/dpkg /var/cache /var/log /var/backups /etc/apt /etc/dpkg /usr/lib/apt /usr/lib/dpkg \
    /usr/share/man /usr/share/info /usr/share/locale /usr/share/lintian /usr/share/perl /usr/share/perl5 \
    /usr/lib/x86_64-linux-gnu/perl* /usr/share/bash-completion /usr/share/keyrings /usr/share/polkit-1 /usr/share/menu
# /var/task is here so that WORKDIR need not make one, in a layer of its own that tells the time.
mkdir -p /var/lib/dpkg /var/cache /var/log /var/task
mv /tmp/status /var/lib/dpkg/status
rm -f /tmp/gone /tmp/kept /etc/shadow* /etc/gshadow* "$0"
find / -xdev -depth -type d -empty \( -path '/usr/share/*' -o -path '/usr/lib/*' \) -delete
find / -xdev \( -path /proc -o -path /sys -o -path /dev \) -prune -o -newermt "@$youngest" \
    -exec touch -h -d "@$youngest" {} +
