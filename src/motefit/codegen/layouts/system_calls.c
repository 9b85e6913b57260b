/* What the C library asks of an operating system: text goes to the debugger, nothing else is there. */
#include <sys/stat.h>

int semihost(int operation, const void *argument);
void finish(int code);

int _write(int file, const char *text, int count)
{
    (void)file;
    for (int i = 0; i < count; i++) {
        semihost(0x03, text + i); /* SYS_WRITEC */
    }
    return count;
}

/* The model has no heap; printf takes some for the digits of a real number. */
void *_sbrk(int bytes)
{
    static char heap[4096] __attribute__((aligned(8)));
    static int used = 0;
    if (bytes < 0 || used + bytes > (int)sizeof heap) {
        return (void *)-1;
    }
    used += bytes;
    return heap + used - bytes;
}

int _fstat(int file, struct stat *about)
{
    (void)file;
    about->st_mode = S_IFCHR;
    return 0;
}

int _isatty(int file)
{
    (void)file;
    return 1;
}

int _close(int file)
{
    (void)file;
    return -1;
}

int _read(int file, char *text, int count)
{
    (void)file;
    (void)text;
    (void)count;
    return 0;
}

int _lseek(int file, int offset, int from)
{
    (void)file;
    (void)offset;
    (void)from;
    return 0;
}

void _exit(int code)
{
    finish(code);
    for (;;) {
    }
}

int _kill(int process, int signal)
{
    (void)process;
    (void)signal;
    return -1;
}

int _getpid(void) { return 1; }
