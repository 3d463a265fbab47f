-- prompt_corpus.lua DIR: seeds for the targets of a prompt's front end, DIR/TARGET/SEED: what a
-- terminal sends, and what a session says (core/prompt/protocol.h).

local lfs = require "lfs"

local dir = assert(arg[1], "usage: lua5.4 prompt_corpus.lua DIR")

local function frame(kind, payload)
  return ("<I4B"):pack(#payload + 1, kind) .. payload
end

local seeds = {
  prompt_keys = {
    text = "print(1)\r\27b\27[A\27OH\127\3\4",
    utf8 = "日本語e\u{301}\xff\xc3(\xe6\x97",
    named = "\27[1;5C\27[1~\27[3;2~\27[H\27[[A\27OA\27\27[99;5u\27[27;5;9~\27[Z",
    paste = "a\27[200~one\r\ntwo\tx\1\127\27[31m\xc2\x85\xff\27[20\27[201~b",
    strings = "\27]11;rgb:0/0/0\27\\\27Pq\7\27_x\27\\a\27]",
    open = "\27[200~never ended",
  },
  prompt_frame = {
    begin = frame(1, ("<I4I4"):pack(1234, 7)) .. frame(2, "\0\1\0\0\0kavach> "),
    work = frame(3, "") .. frame(5, "some output\n") .. frame(4, "") .. frame(7, "\1")
      .. frame(7, "\0") .. frame(2, "\1\2\0\0\0Name: ") .. frame(8, "\0"),
    choices = frame(6, ("<I4I4"):pack(1, 3) .. "print\0pairs\0\0")
      .. frame(6, ("<I4I4"):pack(2, 0)),
    wrong = frame(6, ("<I4I4"):pack(1, 3) .. "open") .. frame(70, ""),
  },
}

for target, list in pairs(seeds) do
  lfs.mkdir(dir .. "/" .. target)
  for name, bytes in pairs(list) do
    local file <close> = assert(io.open(("%s/%s/%s"):format(dir, target, name), "wb"))
    assert(file:write(bytes))
  end
end
