"""Japanese names, companies and addresses, each with its reading."""

SURNAMES = (
    ("佐藤", "Sato"), ("鈴木", "Suzuki"), ("高橋", "Takahashi"), ("田中", "Tanaka"), ("伊藤", "Ito"),
    ("渡辺", "Watanabe"), ("山本", "Yamamoto"), ("中村", "Nakamura"), ("小林", "Kobayashi"), ("加藤", "Kato"),
    ("吉田", "Yoshida"), ("山田", "Yamada"), ("佐々木", "Sasaki"), ("山口", "Yamaguchi"), ("松本", "Matsumoto"),
    ("井上", "Inoue"), ("木村", "Kimura"), ("林", "Hayashi"), ("斎藤", "Saito"), ("清水", "Shimizu"),
    ("O'Brien", "O'Brien"), ("Müller", "Muller"), ("Nguyễn", "Nguyen"), ("D'Souza", "D'Souza"),
)  # fmt: skip

GIVEN_NAMES = (
    ("太郎", "Taro"), ("花子", "Hanako"), ("健一", "Kenichi"), ("美咲", "Misaki"), ("翔太", "Shota"),
    ("陽菜", "Hina"), ("大輔", "Daisuke"), ("さくら", "Sakura"), ("拓海", "Takumi"), ("結衣", "Yui"),
    ("直樹", "Naoki"), ("恵子", "Keiko"), ("亮", "Ryo"), ("葵", "Aoi"), ("隆", "Takashi"),
    ("真由美", "Mayumi"), ("Anna", "Anna"), ("Jürgen", "Jurgen"), ("Minh", "Minh"), ("José", "Jose"),
)  # fmt: skip

COMPANIES = (
    "株式会社みらい", "さくら商事株式会社", "有限会社高橋製作所", "Smith & Sons K.K.", "合同会社ブルースカイ",
    'Tokyo "Best" Imports', "ひかり <光> 通信", "東京国際貿易株式会社", "R&D Works 合同会社", "山手建設",
)  # fmt: skip

# Prefecture, city, town, first three digits of its postcode
PLACES = (
    ("東京都", "港区", "赤坂", "107"), ("東京都", "新宿区", "西新宿", "160"), ("東京都", "渋谷区", "神南", "150"),
    ("神奈川県", "横浜市西区", "みなとみらい", "220"), ("大阪府", "大阪市北区", "梅田", "530"),
    ("愛知県", "名古屋市中区", "栄", "460"), ("北海道", "札幌市中央区", "大通西", "060"),
    ("福岡県", "福岡市博多区", "博多駅前", "812"), ("京都府", "京都市中京区", "烏丸通", "604"),
    ("沖縄県", "那覇市", "おもろまち", "900"),
)  # fmt: skip

BUILDINGS = ("", "", "グリーンハイツ101", "サンシャインビル 3F", "Maison “Aoyama” 502", "コーポ梅 B&B 205")
