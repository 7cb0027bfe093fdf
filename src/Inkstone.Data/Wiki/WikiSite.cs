using System.Collections.Frozen;
using System.Xml;

namespace Inkstone.Data;

/// <summary>What prefixes of links mean on a wiki: its namespaces, as the head of its dump and MediaWiki name them, and the languages of
/// other wikis.</summary>
internal sealed class WikiSite
{
    private const string LanguageCodes = """
        aa ab ace ady af ak als alt am ami an ang ann anp ar arc arz ary as ast atj av avk awa ay az azb ba ban bar bat-smg bbc bcl bdr be be-tarask be-x-old bew bg bh bi bjn blk bm bn bo bpy br
        btm bs bug bxr ca cbk-zam cdo ce ceb ch cho chr chy ckb co cr crh cs csb cu cv cy da dag de dga din diq dsb dtp dty dv dz ee el eml en eo es et eu ext fa fat ff fi fiu-vro fj fo fon fr frp
        frr fur fy ga gag gan gcr gd gl glk gn gom gor got gpe gsw gu guc gur guw gv ha hak haw he hi hif ho hr hsb ht hu hy hyw hz ia iba id ie ig igl ii ik ilo inh io is it iu ja jam jbo jv ka kaa kab
        kbd kbp kcg kg kge ki kj kk kl km kn knc ko koi kr krc ks ksh ku kus kv kw ky la lad lb lbe lez lfn lg li lij lld lmo ln lo lrc lt ltg lv lzh mad mai map-bms mdf mg mh mhr mi min mk ml mn mni
        mnw mo mr mrj ms mt mus mwl my myv mzn na nah nan nap nds nds-nl ne new ng nia nl nn no nov nqo nr nrm nso nup nv ny oc olo om or os pa pag pam pap pcd pcm pdc pfl pi pih pl pms pnb pnt ps pt
        pwn qu rm rmy rn ro roa-rup roa-tara rsk ru rue rup rw sa sah sat sc scn sco sd se sg sgs sh shi shn shy si simple sk skr sl sm smn sn so sq sr srn ss st stq su sv sw szl szy ta tay tcy tdd te
        tet tg th ti tig tk tl tly tn to tok tpi tr trv ts tt tum tw ty tyv udm ug uk ur uz ve vec vep vi vls vo vro wa war wo wuu xal xh xmf yi yo yue za zea zgh zh zh-classical zh-cn zh-hans zh-hant
        zh-hk zh-min-nan zh-mo zh-sg zh-tw zh-yue zu
        """;

    private static readonly FrozenSet<string> Languages = LanguageCodes
        .Split([' ', '\n', '\r'], StringSplitOptions.RemoveEmptyEntries)
        .ToFrozenSet();
    private static readonly (int Key, string[] Names)[] Standard =
    [
        (-2, ["Media", "媒体", "媒體", "媒体文件", "媒體檔案"]),
        (6, ["File", "Image", "文件", "档案", "檔案", "图像", "圖像", "图片", "圖片"]),
        (14, ["Category", "分类", "分類"]),
    ];

    private readonly Dictionary<string, int> _namespaces = new(StringComparer.OrdinalIgnoreCase);

    /// <summary>A wiki without a head: MediaWiki's own names and those of Chinese wikis.</summary>
    public WikiSite()
    {
        foreach ((int key, string[] names) in Standard)
        {
            foreach (string name in names)
            {
                _namespaces[name] = key;
            }
        }
    }

    internal bool IsFile(string prefix) => _namespaces.GetValueOrDefault(prefix) == 6;

    internal bool IsCategory(string prefix) => _namespaces.GetValueOrDefault(prefix) == 14;

    internal static bool IsLanguage(string prefix) => Languages.Contains(prefix.ToLowerInvariant());

    /// <summary>The namespace of a title, for dumps that do not tell it.</summary>
    internal int NamespaceOf(string title)
    {
        int colon = title.IndexOf(':', StringComparison.Ordinal);
        return colon < 0 ? 0 : _namespaces.GetValueOrDefault(title[..colon].Trim());
    }

    /// <summary>Reads the names from the <c>siteinfo</c> of a dump; what is not there keeps its usual names.</summary>
    internal void Read(string siteInfo)
    {
        using XmlReader reader = XmlReader.Create(new StringReader(siteInfo), PageReader.Settings);
        while (reader.Read())
        {
            if (
                reader.NodeType == XmlNodeType.Element
                && reader.LocalName is "namespace" or "namespacealias"
                && int.TryParse(reader.GetAttribute("key"), out int key)
                && !reader.IsEmptyElement
                && reader.Read()
                && reader.NodeType == XmlNodeType.Text
            )
            {
                _namespaces[reader.Value.Trim()] = key;
            }
        }
    }
}
