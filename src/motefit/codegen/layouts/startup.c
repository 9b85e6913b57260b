/* Start of a program on an emulated Cortex-M board: vectors, FPU, static data, semihosting. */
#include <stdint.h>

extern uint32_t stack_top, data_start, data_end, data_from, bss_start, bss_end;
int main(void);
int semihost(int operation, const void *argument);

int semihost(int operation, const void *argument)
{
    register int r0 __asm__("r0") = operation;
    register const void *r1 __asm__("r1") = argument;
    __asm__ volatile("bkpt 0xab" : "+r"(r0) : "r"(r1) : "memory");
    return r0;
}

void put_text(const char *text) { semihost(0x04, text); }

void put_number(uint32_t number)
{
    char text[12];
    int place = 11;
    text[place] = '\0';
    do {
        text[--place] = (char)('0' + number % 10);
        number /= 10;
    } while (number);
    put_text(text + place);
}

void finish(int code)
{
    const uint32_t block[2] = {0x20026, (uint32_t)code}; /* ADP_Stopped_ApplicationExit */
    semihost(0x20, block);
    for (;;) {
    }
}

void reset(void)
{
    *(volatile uint32_t *)0xE000ED88 |= 0xFu << 20; /* coprocessors 10, 11: FPU and Helium */
    __asm__ volatile("dsb\n isb");
    uint32_t *from = &data_from;
    for (uint32_t *to = &data_start; to < &data_end; to++) {
        *to = *from++;
    }
    for (uint32_t *to = &bss_start; to < &bss_end; to++) {
        *to = 0;
    }
    finish(main());
}

static void fault(void)
{
    put_text("fault\n");
    finish(99);
}

__attribute__((section(".vectors"), used)) static const void *const vectors[16] = {
    &stack_top, reset, fault, fault, fault, fault, fault,
};
