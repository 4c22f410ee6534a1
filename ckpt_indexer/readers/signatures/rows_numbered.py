"""Known encoders whose blocks have numbers only (`features.4`), and transformers as torchvision names them. Constants.

Read as `signature_rows`.
"""

from __future__ import annotations

NUMBERED_ROWS: dict[str, str] = {
    "mobilenet_v3_torchvision": """
mobilenet_v3_small = 1:1 a16 b8 c16 k3 | 2:1 a72 b72 c24 k1 l3 | 3:1 a88 b88 c24 k1 l3 | 4:1 a96 b96 c24 d40 k1 l5 |
  5:1 a240 b240 c64 d40 k1 l5 | 6:1 a240 b240 c64 d40 k1 l5 | 7:1 a120 b120 c32 d48 k1 l5 | 8:1 a144 b144 c40 d48 k1 l5
  | 9:1 a288 b288 c72 d96 k1 l5 | 10:1 a576 b576 c144 d96 k1 l5 | 11:1 a576 b576 c144 d96 k1 l5
mobilenet_v3_large = 1:1 a16 b16 k3 l1 | 2:1 a64 b64 c24 k1 l3 | 3:1 a72 b72 c24 k1 l3 | 4:1 a72 b72 c24 d40 k1 l5 |
  5:1 a120 b120 c32 d40 k1 l5 | 6:1 a120 b120 c32 d40 k1 l5 | 7:1 a240 b240 c80 k1 l3 | 8:1 a200 b200 c80 k1 l3 | 9:1
  a184 b184 c80 k1 l3 | 10:1 a184 b184 c80 k1 l3 | 11:1 a480 b480 c120 d112 k1 l3 | 12:1 a672 b672 c168 d112 k1 l3 |
  13:1 a672 b672 c168 d160 k1 l5 | 14:1 a960 b960 c240 d160 k1 l5 | 15:1 a960 b960 c240 d160 k1 l5
""",
    "mobilenet_v2_torchvision": """
mobilenet_v2 = 1:1 a32 b16 k3 | 2:1 a96 b96 c24 k1 l3 | 3:1 a144 b144 c24 k1 l3 | 4:1 a144 b144 c32 k1 l3 | 5:1 a192
  b192 c32 k1 l3 | 6:1 a192 b192 c32 k1 l3 | 7:1 a192 b192 c64 k1 l3 | 8:1 a384 b384 c64 k1 l3 | 9:1 a384 b384 c64 k1
  l3 | 10:1 a384 b384 c64 k1 l3 | 11:1 a384 b384 c96 k1 l3 | 12:1 a576 b576 c96 k1 l3 | 13:1 a576 b576 c96 k1 l3 | 14:1
  a576 b576 c160 k1 l3 | 15:1 a960 b960 c160 k1 l3 | 16:1 a960 b960 c160 k1 l3 | 17:1 a960 b960 c320 k1 l3
""",
    "efficientnet_torchvision": """
efficientnet_b0 = 1:1 a32 b8 c16 k3 | 2:2 a144 b144 c6 d24 k1 l3 | 3:2 a240 b240 c10 d40 k1 l5 | 4:3 a480 b480 c20
  d80 k1 l3 | 5:3 a672 b672 c28 d112 k1 l5 | 6:4 a1152 b1152 c48 d192 k1 l5 | 7:1 a1152 b1152 c48 d320 k1 l3
efficientnet_b1 = 1:2 a16 b4 c16 k3 | 2:3 a144 b144 c6 d24 k1 l3 | 3:3 a240 b240 c10 d40 k1 l5 | 4:4 a480 b480 c20
  d80 k1 l3 | 5:4 a672 b672 c28 d112 k1 l5 | 6:5 a1152 b1152 c48 d192 k1 l5 | 7:2 a1920 b1920 c80 d320 k1 l3
efficientnet_b2 = 1:2 a16 b4 c16 k3 | 2:3 a144 b144 c6 d24 k1 l3 | 3:3 a288 b288 c12 d48 k1 l5 | 4:4 a528 b528 c22
  d88 k1 l3 | 5:4 a720 b720 c30 d120 k1 l5 | 6:5 a1248 b1248 c52 d208 k1 l5 | 7:2 a2112 b2112 c88 d352 k1 l3
efficientnet_b3 = 1:2 a24 b6 c24 k3 | 2:3 a192 b192 c8 d32 k1 l3 | 3:3 a288 b288 c12 d48 k1 l5 | 4:5 a576 b576 c24
  d96 k1 l3 | 5:5 a816 b816 c34 d136 k1 l5 | 6:6 a1392 b1392 c58 d232 k1 l5 | 7:2 a2304 b2304 c96 d384 k1 l3
efficientnet_b4 = 1:2 a24 b6 c24 k3 | 2:4 a192 b192 c8 d32 k1 l3 | 3:4 a336 b336 c14 d56 k1 l5 | 4:6 a672 b672 c28
  d112 k1 l3 | 5:6 a960 b960 c40 d160 k1 l5 | 6:8 a1632 b1632 c68 d272 k1 l5 | 7:2 a2688 b2688 c112 d448 k1 l3
efficientnet_b5 = 1:3 a24 b6 c24 k3 | 2:5 a240 b240 c10 d40 k1 l3 | 3:5 a384 b384 c16 d64 k1 l5 | 4:7 a768 b768 c32
  d128 k1 l3 | 5:7 a1056 b1056 c44 d176 k1 l5 | 6:9 a1824 b1824 c76 d304 k1 l5 | 7:3 a3072 b3072 c128 d512 k1 l3
efficientnet_b6 = 1:3 a32 b8 c32 k3 | 2:6 a240 b240 c10 d40 k1 l3 | 3:6 a432 b432 c18 d72 k1 l5 | 4:8 a864 b864 c36
  d144 k1 l3 | 5:8 a1200 b1200 c50 d200 k1 l5 | 6:11 a2064 b2064 c86 d344 k1 l5 | 7:3 a3456 b3456 c144 d576 k1 l3
efficientnet_b7 = 1:4 a32 b8 c32 k3 | 2:7 a288 b288 c12 d48 k1 l3 | 3:7 a480 b480 c20 d80 k1 l5 | 4:10 a960 b960 c40
  d160 k1 l3 | 5:10 a1344 b1344 c56 d224 k1 l5 | 6:13 a2304 b2304 c96 d384 k1 l5 | 7:4 a3840 b3840 c160 d640 k1 l3
efficientnet_v2_s = 1:2 a24 k3 | 2:4 a192 b48 k3 l1 | 3:4 a256 b64 k3 l1 | 4:6 a512 b512 c32 d128 k1 l3 | 5:9 a960
  b960 c40 d160 k1 l3 | 6:15 a1536 b1536 c64 d256 k1 l3
efficientnet_v2_m = 1:3 a24 k3 | 2:5 a192 b48 k3 l1 | 3:5 a320 b80 k3 l1 | 4:7 a640 b640 c40 d160 k1 l3 | 5:14 a1056
  b1056 c44 d176 k1 l3 | 6:18 a1824 b1824 c76 d304 k1 l3 | 7:5 a3072 b3072 c128 d512 k1 l3
efficientnet_v2_l = 1:4 a32 k3 | 2:7 a256 b64 k3 l1 | 3:7 a384 b96 k3 l1 | 4:10 a768 b768 c48 d192 k1 l3 | 5:19 a1344
  b1344 c56 d224 k1 l3 | 6:25 a2304 b2304 c96 d384 k1 l3 | 7:7 a3840 b3840 c160 d640 k1 l3
""",
    "convnext_torchvision": """
convnext_tiny = 1:3 d96 k7 m384 | 3:3 d192 k7 m768 | 5:9 d384 k7 m1536 | 7:3 d768 k7 m3072
convnext_small = 1:3 d96 k7 m384 | 3:3 d192 k7 m768 | 5:27 d384 k7 m1536 | 7:3 d768 k7 m3072
convnext_base = 1:3 d128 k7 m512 | 3:3 d256 k7 m1024 | 5:27 d512 k7 m2048 | 7:3 d1024 k7 m4096
convnext_large = 1:3 d192 k7 m768 | 3:3 d384 k7 m1536 | 5:27 d768 k7 m3072 | 7:3 d1536 k7 m6144
""",
    "swin_torchvision": """
swin_t = 1:2 d96 h3 m384 | 3:2 d192 h6 m768 | 5:6 d384 h12 m1536 | 7:2 d768 h24 m3072
swin_s = 1:2 d96 h3 m384 | 3:2 d192 h6 m768 | 5:18 d384 h12 m1536 | 7:2 d768 h24 m3072
swin_b = 1:2 d128 h4 m512 | 3:2 d256 h8 m1024 | 5:18 d512 h16 m2048 | 7:2 d1024 h32 m4096
swin_v2_t = 1:2 c3 d96 m384 | 3:2 c6 d192 m768 | 5:6 c12 d384 m1536 | 7:2 c24 d768 m3072
swin_v2_s = 1:2 c3 d96 m384 | 3:2 c6 d192 m768 | 5:18 c12 d384 m1536 | 7:2 c24 d768 m3072
swin_v2_b = 1:2 c4 d128 m512 | 3:2 c8 d256 m1024 | 5:18 c16 d512 m2048 | 7:2 c32 d1024 m4096
""",
    "vit_torchvision": """
vit_b_16 = p16 | 0:12 d768 m3072
vit_b_32 = p32 | 0:12 d768 m3072
vit_l_16 = p16 | 0:24 d1024 m4096
vit_l_32 = p32 | 0:24 d1024 m4096
vit_h_14 = p14 | 0:32 d1280 m5120
""",
    "vgg": """
vgg16 = 0:1 o64 | 2:1 o64 | 5:1 o128 | 7:1 o128 | 10:1 o256 | 12:1 o256 | 14:1 o256 | 17:1 o512 | 19:1 o512 | 21:1
  o512 | 24:1 o512 | 26:1 o512 | 28:1 o512
vgg16_bn = 0:1 o64 | 1:1 n64 | 3:1 o64 | 4:1 n64 | 7:1 o128 | 8:1 n128 | 10:1 o128 | 11:1 n128 | 14:1 o256 | 15:1
  n256 | 17:1 o256 | 18:1 n256 | 20:1 o256 | 21:1 n256 | 24:1 o512 | 25:1 n512 | 27:1 o512 | 28:1 n512 | 30:1 o512 |
  31:1 n512 | 34:1 o512 | 35:1 n512 | 37:1 o512 | 38:1 n512 | 40:1 o512 | 41:1 n512
vgg19_bn = 0:1 o64 | 1:1 n64 | 3:1 o64 | 4:1 n64 | 7:1 o128 | 8:1 n128 | 10:1 o128 | 11:1 n128 | 14:1 o256 | 15:1
  n256 | 17:1 o256 | 18:1 n256 | 20:1 o256 | 21:1 n256 | 23:1 o256 | 24:1 n256 | 27:1 o512 | 28:1 n512 | 30:1 o512 |
  31:1 n512 | 33:1 o512 | 34:1 n512 | 36:1 o512 | 37:1 n512 | 40:1 o512 | 41:1 n512 | 43:1 o512 | 44:1 n512 | 46:1 o512
  | 47:1 n512 | 49:1 o512 | 50:1 n512
vgg11 = 0:1 o64 | 3:1 o128 | 6:1 o256 | 8:1 o256 | 11:1 o512 | 13:1 o512 | 16:1 o512 | 18:1 o512
vgg13 = 0:1 o64 | 2:1 o64 | 5:1 o128 | 7:1 o128 | 10:1 o256 | 12:1 o256 | 15:1 o512 | 17:1 o512 | 20:1 o512 | 22:1
  o512
vgg19 = 0:1 o64 | 2:1 o64 | 5:1 o128 | 7:1 o128 | 10:1 o256 | 12:1 o256 | 14:1 o256 | 16:1 o256 | 19:1 o512 | 21:1
  o512 | 23:1 o512 | 25:1 o512 | 28:1 o512 | 30:1 o512 | 32:1 o512 | 34:1 o512
""",
    "densenet": """
densenet121 = 1:6 a128 b32 | 2:12 a128 b32 | 3:24 a128 b32 | 4:16 a128 b32
densenet169 = 1:6 a128 b32 | 2:12 a128 b32 | 3:32 a128 b32 | 4:32 a128 b32
densenet161 = 1:6 a192 b48 | 2:12 a192 b48 | 3:36 a192 b48 | 4:24 a192 b48
densenet201 = 1:6 a128 b32 | 2:12 a128 b32 | 3:48 a128 b32 | 4:32 a128 b32
""",
}
