module sessionwire.example/emulator

go 1.21
