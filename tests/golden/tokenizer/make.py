#!/usr/bin/env python3
"""Makes the fixtures of real tokenizers' shapes and what Hugging Face tokenizers says about them.

    python3 make.py        (needs the package `tokenizers`; the files here are of version 0.23.3)

deepseek_v2, deepseek_v3, llama3, qwen and metaspace.json have the normalizer, pre-tokenizer, post-processor and decoder
that the released files have, with a tiny vocabulary whose merges cross every cut that the pre-tokenizer makes, so that a
wrong cut changes the ids. expected.json: per fixture and variant, the texts with their ids and what those decode to.
"""

import copy
import json
import pathlib

import tokenizers

HERE = pathlib.Path(__file__).resolve().parent

# GPT-2's byte alphabet.
ITSELF = [*range(0x21, 0x7F), *range(0xA1, 0xAD), *range(0xAE, 0x100)]
ALPHABET = {b: chr(b) for b in ITSELF}
ALPHABET.update({b: chr(0x100 + i) for i, b in enumerate(b for b in range(256) if b not in ITSELF)})

# Merges of bytes, written as text: the parts of each are bytes or results of earlier ones.
BYTE_MERGES = """
h e|t h|th e|i n|a b|ab c|' s|' S|' l|'l l|1 2|12 3|3 4|1 a|a 1|a .|. a|. .|.. .|! !|( a|_ a|S t
""".strip().split("|")
BYTE_MERGES += [("␣", "␣"), ("␣␣", "␣␣"), ("␣", "a"), ("␣", "the"), ("␣", "1"), ("␣", "."), ("␣", "␤"), ("␤", "␤"),
                ("␤", "␣"), ("␤", "a"), (".", "␤"), ("␍", "␤"), ("␉", "a"), ("␣", "("), ("é", "a"), ("你", "好"),
                ("好", "a"), ("a", "你"), ("あ", "你"), ("1", "你"), ("。", "你"), ("한", "한"), ("é", "é"), ("½", "1")]
BYTE_MERGES = [tuple(m.strip().split(" ")) if isinstance(m, str) else m for m in BYTE_MERGES]

TEXTS = [
    "", " ", "  ", "    ", "\n", "\n\n", " \n", "\r\n", "a", " a", "abc", "the the  the", "a\n a\n\na", "\ta\t\ta",
    "12345", "1a1 1.1", "12 34½1", "it's IT'S it'll 's 'S '", "a.a. .a... a!!(a (a _a", "é éa éé", "Fühlt Áö", "e\u0301a \u212b",
    "你好a你 你好。你", "あ你カ1你", "한한 한국어", "кот Ель", "ＡＢａｂ！", "😀 a😀a", "a\u200da\u00a0a\u3000a\u2028a",
    "a  ", "a  \n", "a \n ", "   a", "\u0301a", "<think>a</think> a", "a<|eot_id|>a", "(a)\n\n(a", "%d\\n{a}_a$a", "\u0378a\ue000 1",
    "x" * 60 + " a", " a▁b ▁▁a", "<｜begin▁of▁sentence｜>", "𝐀𐐀Ωΐ ℨ", "٣٤ Ⅷ ²",
]

LETTERS = [
    (0x41, 0x5A), (0x61, 0x7A), (0xB5, 0xB5), (0xC0, 0xD6), (0xD8, 0xF6), (0xF8, 0x1BA), (0x1BC, 0x1BF), (0x1C4, 0x293),
    (0x295, 0x2AF), (0x370, 0x373), (0x376, 0x377), (0x37B, 0x37D), (0x37F, 0x37F), (0x386, 0x386), (0x388, 0x38A),
    (0x38C, 0x38C), (0x38E, 0x3A1), (0x3A3, 0x3F5), (0x3F7, 0x481), (0x48A, 0x52F), (0x531, 0x556), (0x10A0, 0x10C5),
    (0x13A0, 0x13F5), (0x13F8, 0x13FD), (0x1C90, 0x1CBA), (0x1CBD, 0x1CBF), (0x1D00, 0x1D2B), (0x1D6B, 0x1D77),
    (0x1D79, 0x1D9A), (0x1E00, 0x1F15), (0x1F18, 0x1F1D), (0x1F20, 0x1F45), (0x1F48, 0x1F4D), (0x1F50, 0x1F57),
    (0x1F59, 0x1F59), (0x1F5B, 0x1F5B), (0x1F5D, 0x1F5D), (0x1F5F, 0x1F7D), (0x1F80, 0x1FB4), (0x1FB6, 0x1FBC),
    (0x1FBE, 0x1FBE), (0x1FC2, 0x1FC4), (0x1FC6, 0x1FCC), (0x1FD0, 0x1FD3), (0x1FD6, 0x1FDB), (0x1FE0, 0x1FEC),
    (0x1FF2, 0x1FF4), (0x1FF6, 0x1FFC), (0x2102, 0x2102), (0x2107, 0x2107), (0x210A, 0x2113), (0x2115, 0x2115),
    (0x2119, 0x211D), (0x2124, 0x2124), (0x2126, 0x2126), (0x2128, 0x2128), (0x212A, 0x212D), (0x212F, 0x2134),
    (0x2139, 0x2139), (0x213C, 0x213F), (0x2145, 0x2149), (0x214E, 0x214E), (0x2183, 0x2184), (0x2C00, 0x2C7B),
    (0x2C7E, 0x2CE4), (0x2CEB, 0x2CEE), (0x2CF2, 0x2CF3), (0xA640, 0xA66D), (0xA680, 0xA69B), (0xA722, 0xA76F),
    (0xA771, 0xA787), (0xA78B, 0xA78E), (0xAB70, 0xABBF), (0xFB00, 0xFB06), (0xFB13, 0xFB17), (0xFF21, 0xFF3A),
    (0xFF41, 0xFF5A), (0x10400, 0x1044F), (0x104B0, 0x104D3), (0x104D8, 0x104FB), (0x10C80, 0x10CB2), (0x10CC0, 0x10CF2),
    (0x118A0, 0x118DF), (0x1E900, 0x1E943),
]
CLASS = "".join(chr(a) if a == b else f"{chr(a)}{'' if b == a + 1 else '-'}{chr(b)}" for a, b in LETTERS)
WORDS = r"(?i:'s|'t|'re|'ve|'m|'ll|'d)|[^\r\n\p{L}\p{N}]?\p{L}+|\p{N}%s| ?[^\s\p{L}\p{N}]+[\r\n]*|\s*[\r\n]+|\s+(?!\S)|\s+"
DEEPSEEK_V2 = ["[\r\n]", rf"\s?[{CLASS}]+", "\\s?[!-/:-~\uff01-\uff0f\uff1a-\uff5e\u2018-\u201f\u3000-\u3002]+", r"\s+$",
               "[\u4e00-\u9fa5\u0800-\u4e00\uac00-\ud7ff]+"]
DEEPSEEK_V3 = [
    r"\p{N}{1,3}", "[\u4e00-\u9fa5\u3040-\u309f\u30a0-\u30ff]+",
    "[!\"#$%&'()*+,\\-./:;<=>?@\\[\\\\\\]^_`{|}~][A-Za-z]+|[^\r\n\\p{L}\\p{P}\\p{S}]?[\\p{L}\\p{M}]+"
    "| ?[\\p{P}\\p{S}]+[\r\n]*|\\s*[\r\n]+|\\s+(?!\\S)|\\s+",
]


def split(regex):
    return {"type": "Split", "pattern": {"Regex": regex}, "behavior": "Isolated", "invert": False}


def byte_level(prefix=False, trim=True, regex=True):
    return {"type": "ByteLevel", "add_prefix_space": prefix, "trim_offsets": trim, "use_regex": regex}


def alphabet(text):
    for shown, meant in zip("␣␤␍␉", " \n\r\t"):
        text = text.replace(shown, meant)
    return "".join(ALPHABET[b] for b in text.encode())


# Bytes that UTF-8 never has. DeepSeek's vocabularies lack them, and have their characters as added tokens instead.
NEVER = [0xC0, 0xC1, *range(0xF5, 0x100)]


def byte_model(without=(), **options):
    tokens = [ALPHABET[b] for b in range(256) if b not in without]
    merges = []

    def merge(left, right):
        if left + right not in tokens:
            tokens.append(left + right)
            merges.append(f"{left} {right}")

    for left, right in BYTE_MERGES:
        for part in (left, right):  # a character of several bytes is merged first
            spelled = alphabet(part)
            if len(part) == 1 and len(spelled) > 1:
                for i in range(1, len(spelled)):
                    merge(spelled[:i], spelled[i])
        merge(alphabet(left), alphabet(right))
    return {"type": "BPE", "dropout": None, "unk_token": None, "continuing_subword_prefix": None, "end_of_word_suffix": None,
            "fuse_unk": False, "byte_fallback": False, **options,
            "vocab": {token: i for i, token in enumerate(tokens)}, "merges": merges}


def added(first, *tokens):
    flags = {"single_word": False, "lstrip": False, "rstrip": False}
    return [{"id": first + i, "content": content, **flags, "normalized": normalized, "special": special}
            for i, (content, normalized, special) in enumerate(tokens)]


def template(token, id):
    special = {"SpecialToken": {"id": token, "type_id": 0}}
    text = {"Sequence": {"id": "A", "type_id": 0}}
    pair = [special, text, {"SpecialToken": {"id": token, "type_id": 1}}, {"Sequence": {"id": "B", "type_id": 1}}]
    return {"type": "TemplateProcessing", "single": [special, text], "pair": pair,
            "special_tokens": {token: {"id": token, "ids": [id], "tokens": [token]}}}


def file(tokens, normalizer, pre_tokenizer, post_processor, decoder, model):
    return {"version": "1.0", "truncation": None, "padding": None, "added_tokens": tokens, "normalizer": normalizer,
            "pre_tokenizer": pre_tokenizer, "post_processor": post_processor, "decoder": decoder, "model": model}


def sequence(kind, items):
    return {"type": "Sequence", kind: items}


def fixtures():
    bos, eos = "<｜begin▁of▁sentence｜>", "<｜end▁of▁sentence｜>"
    model = byte_model()
    n = len(model["vocab"])
    fewer = byte_model(without=NEVER)
    yield "deepseek_v2", file(
        added(len(fewer["vocab"]), (bos, True, True), (eos, True, True), *((ALPHABET[b], True, False) for b in NEVER)),
        sequence("normalizers", []),
        sequence("pretokenizers", [*map(split, DEEPSEEK_V2), {"type": "Digits", "individual_digits": True},
                                   byte_level(regex=False)]),
        byte_level(True, False), byte_level(True, True), fewer)
    yield "deepseek_v3", file(
        added(n, (bos, False, True), (eos, False, True), ("<｜User｜>", False, False), ("<think>", False, False),
              ("</think>", False, False)), sequence("normalizers", []),
        sequence("pretokenizers", [*map(split, DEEPSEEK_V3), byte_level(regex=False)]),
        byte_level(True, False), byte_level(True, True), model)
    whole = byte_model(ignore_merges=True)
    whole["vocab"]["Ġnever"] = n  # no merge makes it: only ignore_merges finds it
    yield "llama3", file(
        added(n + 1, ("<|begin_of_text|>", False, True), ("<|eot_id|>", False, True)), None,
        sequence("pretokenizers", [split(WORDS % "{1,3}"), byte_level(regex=False)]),
        sequence("processors", [byte_level(True, False), template("<|begin_of_text|>", n + 1)]), byte_level(), whole)
    yield "qwen", file(
        added(n, ("<|endoftext|>", False, True), ("<think>", False, False), ("</think>", False, False)), {"type": "NFC"},
        sequence("pretokenizers", [split(WORDS % ""), byte_level(trim=False, regex=False)]),
        byte_level(trim=False, regex=False), byte_level(trim=False, regex=False), model)
    tokens = ["<unk>", "<s>", "</s>"] + [f"<0x{b:02X}>" for b in range(256)] + ["▁", "a", "b", "t", "h", "e", "1", "."]
    merges = ["t h", "th e", "▁ the", "▁ a", "▁ ▁", "▁▁ ▁▁", "a b", "▁a b", "e ."]
    tokens += [merge.replace(" ", "") for merge in merges]
    yield "metaspace", file(
        added(0, ("<unk>", False, True), ("<s>", False, True), ("</s>", False, True)), None,
        {"type": "Metaspace", "replacement": "▁", "prepend_scheme": "always", "split": True}, template("<s>", 1),
        {"type": "Metaspace", "replacement": "▁", "prepend_scheme": "always", "split": True},
        {"type": "BPE", "dropout": None, "unk_token": "<unk>", "continuing_subword_prefix": None, "end_of_word_suffix": None,
         "fuse_unk": True, "byte_fallback": True, "ignore_merges": False,
         "vocab": {token: i for i, token in enumerate(tokens)}, "merges": merges})


def variants(name, json_file):
    """Pairs of what is replaced in the fixture, as JSON pointers and values, and the file that this makes."""
    changes = [{}]
    if name == "metaspace":
        changes = [{f"/{part}/{key}": value for part in ("pre_tokenizer", "decoder")
                    for key, value in (("prepend_scheme", scheme), ("split", cut))}
                   for scheme in ("always", "first", "never") for cut in (True, False)]
        llama2 = [{"type": "Replace", "pattern": {"String": "▁"}, "content": " "}, {"type": "ByteFallback"}, {"type": "Fuse"},
                  {"type": "Strip", "content": " ", "start": 1, "stop": 0}]
        prepend = [{"type": "Prepend", "prepend": "▁"}, {"type": "Replace", "pattern": {"String": " "}, "content": "▁"}]
        changes += [{"/pre_tokenizer/prepend_scheme": "first", "/pre_tokenizer/split": False,
                     "/decoder": sequence("decoders", llama2)},
                    {"/normalizer": sequence("normalizers", prepend), "/pre_tokenizer": None,
                     "/decoder": sequence("decoders", llama2)},
                    {"/normalizer": sequence("normalizers", prepend), "/pre_tokenizer": None, "/model/byte_fallback": False,
                     "/decoder": sequence("decoders", llama2)}]
    for change in changes:
        changed = copy.deepcopy(json_file)
        for pointer, value in change.items():
            *path, key = pointer.strip("/").split("/")
            at = changed
            for part in path:
                at = at[part]
            at[key] = value
        yield change, changed


def cases(json_file):
    tokenizer = tokenizers.Tokenizer.from_str(json.dumps(json_file))
    for text in TEXTS:
        ids = tokenizer.encode(text, add_special_tokens=False).ids
        yield {"text": text, "ids": ids, "with_special": tokenizer.encode(text).ids,
               "decoded": tokenizer.decode(ids, skip_special_tokens=False)}


def main():
    expected = []
    for name, json_file in fixtures():
        (HERE / f"{name}.json").write_text(json.dumps(json_file, separators=(",", ":")) + "\n")
        for change, changed in variants(name, json_file):
            expected.append({"file": f"{name}.json", "changed": change, "cases": list(cases(changed))})
    lines = ",\n".join(json.dumps(e, separators=(",", ":")) for e in expected)
    (HERE / "expected.json").write_text(f"[\n{lines}\n]\n")


if __name__ == "__main__":
    main()
