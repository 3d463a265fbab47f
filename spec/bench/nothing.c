/* Does nothing, and needs no dynamic loader for it. */
int main(void) { return 0; }
