#!/bin/sh
# Who shares memory with whom, asked from the shell:
# tensorcli in pipes, and its exit codes.
set -u
tool=${TENSORCLI:-tensorcli}

echo '-- which storage does each name lie on?'
$tool run --format plain -c '
b = zeros(2, 3)
row = b[0]
flat = b.view(6)
twin = b.clone()
' | grep '\.storage:'

echo '-- one write, seen through every alias'
printf '%s\n' 'b = zeros(2, 3)' 'row = b[0]' 'row += 1' |
    $tool run --format plain - | grep 'version: 0 -> 1'

echo '-- exit status 0: the expectation holds'
$tool run --quiet -c 'a = ones(3); b = a.detach(); expect a shares b'
echo "status $?"

echo '-- exit status 3: it does not'
$tool run --quiet -c 'a = ones(3); b = a.clone(); expect a shares b' 2>/dev/null
echo "status $?"

echo '-- exit status 1: PyTorch would raise'
$tool run --quiet -c 'w = ones(2, requires_grad=True); w += 1' 2>&1 | head -n 1
$tool run --quiet -c 'w = ones(2, requires_grad=True); w += 1' 2>/dev/null
echo "status $?"
