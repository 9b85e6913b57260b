#ifndef ZEPHYR_GPIO_H
#define ZEPHYR_GPIO_H
#include <stdbool.h>
#include <stdint.h>
struct gpio_dt_spec {
    uint8_t pin;
};
#define GPIO_OUTPUT_ACTIVE 1u
#define DT_ALIAS(name) name
#define GPIO_DT_SPEC_GET(node, property) {0}
bool gpio_is_ready_dt(const struct gpio_dt_spec *pin);
int gpio_pin_configure_dt(const struct gpio_dt_spec *pin, uint32_t flags);
int gpio_pin_toggle_dt(const struct gpio_dt_spec *pin);
#endif
