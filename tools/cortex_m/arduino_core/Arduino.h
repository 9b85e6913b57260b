// As much of Arduino's interface as the examples use, for boards that qemu emulates. Time is the
// sum of the delays; the program ends after END_MS of it, or when the microphone has no more sound.
#ifndef ARDUINO_H
#define ARDUINO_H

#include <math.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

enum { LOW, HIGH, INPUT = 0, OUTPUT = 1, LED_BUILTIN = 13, A0 = 14 };

void pinMode(int pin, int mode);
void digitalWrite(int pin, int value);
int analogRead(int pin);
void delay(unsigned long ms);
unsigned long millis();
unsigned long micros();
void noInterrupts();
void interrupts();

struct SerialPort {
  void begin(unsigned long baud);
  void print(const char *text);
  void print(long number);
  void print(int number) { print((long)number); }
  void print(unsigned long number) { print((long)number); }
  void print(double number);
  void println() { print("\n"); }
  template <typename T>
  void println(T value) {
    print(value);
    println();
  }
};
extern SerialPort Serial;

void setup();
void loop();

#endif
