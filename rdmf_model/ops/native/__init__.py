"""The compiled CPU kernels: C++ sources, what compiles them, what loads them. README.md says what is where."""
