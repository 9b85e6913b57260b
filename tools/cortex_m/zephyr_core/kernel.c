/* Time, text and one LED of an emulated board, as Zephyr's interface has them. */
#include <stdarg.h>
#include <stdint.h>
#include <string.h>

#include <zephyr/drivers/gpio.h>
#include <zephyr/kernel.h>
#include <zephyr/sys/printk.h>

#define END_MS 3000

void put_text(const char *text);
void put_number(uint32_t number);
void finish(int code);

static uint32_t now_ms;
static int led;

int32_t k_msleep(int32_t ms)
{
    now_ms += (uint32_t)ms;
    if (now_ms >= END_MS) {
        finish(0);
    }
    return 0;
}

void printk(const char *text, ...)
{
    char letter[2] = {0};
    va_list arguments;
    va_start(arguments, text);
    for (; *text != '\0'; text++) {
        if (*text == '%' && text[1] == 's') {
            put_text(va_arg(arguments, const char *));
            text++;
        } else if (*text == '%' && text[1] == 'd') {
            const int number = va_arg(arguments, int);
            put_text(number < 0 ? "-" : "");
            put_number((uint32_t)(number < 0 ? -number : number));
            text++;
        } else {
            letter[0] = *text;
            put_text(letter);
        }
    }
    va_end(arguments);
}

bool gpio_is_ready_dt(const struct gpio_dt_spec *pin) { return pin->pin == 0; }

int gpio_pin_configure_dt(const struct gpio_dt_spec *pin, uint32_t flags)
{
    led = flags == GPIO_OUTPUT_ACTIVE;
    return pin->pin;
}

int gpio_pin_toggle_dt(const struct gpio_dt_spec *pin)
{
    led = !led;
    put_text(led ? "led on at " : "led off at ");
    put_number(now_ms);
    put_text(" ms\n");
    return pin->pin;
}
