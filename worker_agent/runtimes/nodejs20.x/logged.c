/* Connects its output to the agent's log and becomes the program it is given; it reads nothing.

   Node can neither point its own descriptors elsewhere nor replace itself by another program, so this comes before it:
   what the function's child processes and Node itself print has to arrive as well, not only what console.log is told. */

#include <stddef.h>
#include <stdio.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/un.h>
#include <unistd.h>

static const char LOG[] = "hearth-log"; /* abstract: its path begins with a NUL */

enum { FIRST_RETRY_US = 1000, LAST_RETRY_US = 100000 };

static int connected(void) {
    struct sockaddr_un address = {.sun_family = AF_UNIX};
    memcpy(address.sun_path + 1, LOG, sizeof LOG - 1);
    socklen_t size = offsetof(struct sockaddr_un, sun_path) + sizeof LOG;
    int log = socket(AF_UNIX, SOCK_STREAM, 0);
    if (log >= 0 && connect(log, (struct sockaddr *)&address, size) == 0)
        return log;
    if (log >= 0)
        close(log);
    return -1;
}

int main(int count, char **words) {
    int log;
    if (count < 2)
        return 2;
    /* The loader never looks again into a folder of LD_LIBRARY_PATH that was not there when it first looked. The stem
       takes both away again before anything is unpacked. */
    mkdir("/opt/lib", 0755);
    mkdir("/var/task/lib", 0755);
    /* The agent binds its sockets some milliseconds after this process starts; a stem may wait for as long as it takes. */
    for (int retry_us = FIRST_RETRY_US; (log = connected()) < 0; retry_us += retry_us < LAST_RETRY_US ? retry_us / 50 : 0)
        usleep(retry_us);
    dup2(log, 1);
    dup2(log, 2);
    close(log);
    execv(words[1], words + 1);
    perror(words[1]);
    return 1;
}
