# make CORE=M4        link the self-test with arm-none-eabi-gcc
# make run CORE=M4    run it on a board that qemu emulates
# make size CORE=M4   bytes of flash (text, data) and of RAM (data, bss), with printf and test data
CORE ?= M4
CC = arm-none-eabi-gcc
QEMU = qemu-system-arm
CFLAGS ?= -O2

FLAGS_M0PLUS = -mcpu=cortex-m0plus
FLAGS_M3 = -mcpu=cortex-m3
FLAGS_M4 = -mcpu=cortex-m4 -mfloat-abi=hard -mfpu=fpv4-sp-d16
FLAGS_M7 = -mcpu=cortex-m7 -mfloat-abi=hard -mfpu=fpv5-sp-d16
FLAGS_M33 = -mcpu=cortex-m33 -mfloat-abi=hard
FLAGS_M55 = -mcpu=cortex-m55 -mfloat-abi=hard
BOARD_M3 = mps2-an385
BOARD_M4 = mps2-an386
BOARD_M7 = mps2-an500
BOARD_M33 = mps2-an505
BOARD_M55 = mps3-an547
CODE_M33 = 0x10000000
RAM_M33 = 0x38000000
CODE = $(or $(CODE_$(CORE)),0)
RAM = $(or $(RAM_$(CORE)),0x20000000)

SOURCES = $(wildcard *.c)
FLAGS = $(FLAGS_$(CORE)) -mthumb -std=gnu99 -ffp-contract=off -Wall -Wextra \
	-ffunction-sections -fdata-sections
LINK = -nostartfiles --specs=nano.specs -u _printf_float -Wl,--gc-sections \
	-Wl,--no-warn-rwx-segments -Wl,--defsym=CODE=$(CODE) -Wl,--defsym=RAM=$(RAM) -T link.ld

self_test_$(CORE).elf: $(SOURCES) $(wildcard *.h) link.ld
	$(if $(FLAGS_$(CORE)),,$(error CORE must be one of M0PLUS M3 M4 M7 M33 M55, got $(CORE)))
	$(CC) $(FLAGS) $(CFLAGS) $(LINK) -o $@ $(SOURCES) -lm

run: self_test_$(CORE).elf
	$(if $(BOARD_$(CORE)),,$(error qemu has no board for $(CORE); use M3 M4 M7 M33 M55))
	$(QEMU) -M $(BOARD_$(CORE)) -nographic -monitor none -serial none \
	-semihosting-config enable=on,target=native -kernel $<

size: self_test_$(CORE).elf
	arm-none-eabi-size $<

clean:
	rm -f self_test_*.elf

.DEFAULT_GOAL = self_test_$(CORE).elf
.PHONY: run size clean
