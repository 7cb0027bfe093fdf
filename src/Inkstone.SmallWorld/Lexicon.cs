namespace Inkstone.SmallWorld;

/// <summary>The words that the small world is told in.</summary>
internal static class Lexicon
{
    public static readonly Word[] FamilyNames =
    [
        new("林", "Lin"),
        new("陈", "Chen"),
        new("周", "Zhou"),
        new("徐", "Xu"),
        new("马", "Ma"),
        new("高", "Gao"),
        new("唐", "Tang"),
        new("叶", "Ye"),
    ];

    public static readonly Word[] Grandfathers =
    [
        new("建国", "Jianguo"),
        new("德福", "Defu"),
        new("永年", "Yongnian"),
        new("长贵", "Changgui"),
        new("国梁", "Guoliang"),
        new("万山", "Wanshan"),
        new("守田", "Shoutian"),
        new("春生", "Chunsheng"),
    ];

    public static readonly Word[] Grandmothers =
    [
        new("梁秀英", "Liang Xiuying"),
        new("曹桂兰", "Cao Guilan"),
        new("董玉珍", "Dong Yuzhen"),
        new("袁淑芬", "Yuan Shufen"),
        new("邓凤仙", "Deng Fengxian"),
        new("崔翠莲", "Cui Cuilian"),
        new("邹巧云", "Zou Qiaoyun"),
        new("顾素梅", "Gu Sumei"),
    ];

    public static readonly Word[] Fathers =
    [
        new("强", "Qiang"),
        new("伟", "Wei"),
        new("杰", "Jie"),
        new("浩", "Hao"),
        new("勇", "Yong"),
        new("平", "Ping"),
        new("军", "Jun"),
        new("文", "Wen"),
    ];

    public static readonly Word[] Mothers =
    [
        new("江慧", "Jiang Hui"),
        new("方丽", "Fang Li"),
        new("沈敏", "Shen Min"),
        new("苏静", "Su Jing"),
        new("秦娟", "Qin Juan"),
        new("谢芳", "Xie Fang"),
        new("冯霞", "Feng Xia"),
        new("杜莹", "Du Ying"),
    ];

    public static readonly Word[] Boys =
    [
        new("小明", "Xiaoming"),
        new("小海", "Xiaohai"),
        new("小虎", "Xiaohu"),
        new("小龙", "Xiaolong"),
        new("小刚", "Xiaogang"),
        new("小松", "Xiaosong"),
        new("小川", "Xiaochuan"),
        new("小峰", "Xiaofeng"),
        new("小鹏", "Xiaopeng"),
        new("小安", "Xiao'an"),
        new("小石", "Xiaoshi"),
        new("小宝", "Xiaobao"),
    ];

    public static readonly Word[] Girls =
    [
        new("小雨", "Xiaoyu"),
        new("小月", "Xiaoyue"),
        new("小雪", "Xiaoxue"),
        new("小梅", "Xiaomei"),
        new("小兰", "Xiaolan"),
        new("小云", "Xiaoyun"),
        new("小花", "Xiaohua"),
        new("小荷", "Xiaohe"),
        new("小琴", "Xiaoqin"),
        new("小竹", "Xiaozhu"),
        new("小星", "Xiaoxing"),
        new("小蕊", "Xiaorui"),
    ];

    public static readonly Job[] Jobs =
    [
        new("老师", "a teacher", "在学校里教孩子们读书", "teaches children to read at school"),
        new("医生", "a doctor", "给生病的人看病", "looks after sick people"),
        new("农民", "a farmer", "在田里种庄稼", "grows crops in the fields"),
        new("木匠", "a carpenter", "用木头做桌子和椅子", "makes tables and chairs out of wood"),
        new("厨师", "a cook", "在饭馆里做菜", "prepares meals in a restaurant"),
        new("司机", "a driver", "每天开着公共汽车", "drives a bus every day"),
        new("裁缝", "a tailor", "给大家做衣服", "makes clothes for everyone"),
        new("渔民", "a fisher", "划着小船去打鱼", "goes fishing in a small boat"),
        new("邮递员", "a letter carrier", "骑着车给大家送信", "brings the letters by bicycle"),
        new("画家", "a painter", "画山，也画水", "paints mountains and rivers"),
        new("护士", "a nurse", "在医院里照顾病人", "takes care of patients in the hospital"),
        new("面包师", "a baker", "天不亮就起来烤面包", "bakes bread before sunrise"),
        new("警察", "a police officer", "在街上保护大家的安全", "keeps the streets safe"),
        new("铁匠", "a blacksmith", "把铁打成各种工具", "makes tools out of iron"),
        new("园丁", "a gardener", "给花草浇水", "waters the flowers and the trees"),
        new("兽医", "a vet", "给小动物治病", "helps sick animals"),
    ];

    /// <summary>The job that every world needs: someone asks the children.</summary>
    public static Job Teacher => Jobs[0];

    public static readonly Word[] ElderHobbies =
    [
        new("钓鱼", "fishing"),
        new("下棋", "playing chess"),
        new("种花", "growing flowers"),
        new("唱戏", "singing opera"),
        new("养鸟", "keeping birds"),
        new("打太极拳", "practising tai chi"),
        new("写毛笔字", "writing with a brush"),
        new("喝茶", "drinking tea"),
    ];

    public static readonly Word[] ChildHobbies =
    [
        new("踢足球", "playing football"),
        new("看书", "reading books"),
        new("画画", "drawing"),
        new("唱歌", "singing songs"),
        new("游泳", "swimming"),
        new("放风筝", "flying kites"),
        new("骑自行车", "riding a bicycle"),
        new("跳舞", "dancing"),
        new("爬山", "climbing hills"),
        new("折纸", "folding paper"),
    ];

    public static readonly Word[] Foods =
    [
        new("面条", "noodles"),
        new("饺子", "dumplings"),
        new("米饭", "rice"),
        new("苹果", "apples"),
        new("西瓜", "watermelon"),
        new("鸡蛋", "eggs"),
        new("包子", "steamed buns"),
        new("红薯", "sweet potatoes"),
        new("葡萄", "grapes"),
        new("汤圆", "rice balls"),
        new("南瓜", "pumpkin"),
        new("玉米", "corn"),
        new("鱼汤", "fish soup"),
        new("草莓", "strawberries"),
        new("年糕", "rice cakes"),
        new("黄瓜", "cucumbers"),
    ];

    /// <summary>Things that are counted in stories.</summary>
    public static readonly Word[] Fruits = [new("桃子", "peaches"), new("梨", "pears"), new("橘子", "oranges"), new("苹果", "apples")];

    public static readonly Word[] Towns =
    [
        new("青石镇", "Qingshi"),
        new("白云镇", "Baiyun"),
        new("柳树镇", "Liushu"),
        new("月湖镇", "Yuehu"),
        new("金桥镇", "Jinqiao"),
        new("红叶镇", "Hongye"),
        new("竹林镇", "Zhulin"),
        new("石塔镇", "Shita"),
    ];

    public static readonly Word[] Rivers =
    [
        new("清水河", "Qingshui River"),
        new("玉带河", "Yudai River"),
        new("桃花河", "Taohua River"),
        new("大沙河", "Dasha River"),
        new("双龙河", "Shuanglong River"),
        new("松果河", "Songguo River"),
        new("鱼跃河", "Yuyue River"),
        new("百草河", "Baicao River"),
    ];

    public static readonly Word[] Specialities =
    [
        new("豆腐", "tofu"),
        new("茶叶", "tea"),
        new("蜂蜜", "honey"),
        new("莲藕", "lotus root"),
        new("板栗", "chestnuts"),
        new("竹笋", "bamboo shoots"),
        new("柿子", "persimmons"),
        new("芝麻糖", "sesame sweets"),
    ];

    public static readonly Word[] WildAnimals =
    [
        new("白鹭", "egrets"),
        new("小鹿", "deer"),
        new("松鼠", "squirrels"),
        new("野鸭", "wild ducks"),
        new("狐狸", "foxes"),
        new("刺猬", "hedgehogs"),
        new("猴子", "monkeys"),
        new("乌龟", "turtles"),
    ];

    public static readonly Word[] Colours =
    [
        new("红色", "red"),
        new("蓝色", "blue"),
        new("绿色", "green"),
        new("黄色", "yellow"),
        new("白色", "white"),
        new("灰色", "grey"),
        new("黑色", "black"),
        new("紫色", "purple"),
    ];

    public static readonly Word[] Crafts =
    [
        new("锄头", "hoes"),
        new("剪刀", "scissors"),
        new("雨伞", "umbrellas"),
        new("竹篮", "bamboo baskets"),
        new("陶碗", "clay bowls"),
        new("木梳", "wooden combs"),
        new("铁锅", "iron pots"),
        new("灯笼", "lanterns"),
    ];

    public static readonly Animal[] Animals =
    [
        new("猫", "cats", "a cat", "一只", "鱼", "fish"),
        new("狗", "dogs", "a dog", "一条", "骨头", "bones"),
        new("兔子", "rabbits", "a rabbit", "一只", "胡萝卜", "carrots"),
        new("羊", "goats", "a goat", "一只", "青草", "grass"),
        new("马", "horses", "a horse", "一匹", "干草", "hay"),
        new("鸡", "chickens", "a chicken", "一只", "小米", "millet"),
        new("鹅", "geese", "a goose", "一只", "菜叶", "cabbage leaves"),
        new("鹦鹉", "parrots", "a parrot", "一只", "瓜子", "sunflower seeds"),
    ];

    public static readonly Tool[] Tools =
    [
        new("剪刀", "剪纸", "scissors", "are", "cutting paper"),
        new("锤子", "钉钉子", "a hammer", "is", "driving nails"),
        new("锯子", "锯木头", "a saw", "is", "sawing wood"),
        new("针", "缝衣服", "a needle", "is", "sewing clothes"),
        new("雨伞", "挡雨", "an umbrella", "is", "keeping off the rain"),
        new("钥匙", "开门", "a key", "is", "opening a door"),
    ];

    public static readonly Word[] Weekdays =
    [
        new("星期一", "Monday"),
        new("星期二", "Tuesday"),
        new("星期三", "Wednesday"),
        new("星期四", "Thursday"),
        new("星期五", "Friday"),
        new("星期六", "Saturday"),
        new("星期日", "Sunday"),
    ];

    public static readonly Word[] Months =
    [
        new("一月", "January"),
        new("二月", "February"),
        new("三月", "March"),
        new("四月", "April"),
        new("五月", "May"),
        new("六月", "June"),
        new("七月", "July"),
        new("八月", "August"),
        new("九月", "September"),
        new("十月", "October"),
        new("十一月", "November"),
        new("十二月", "December"),
    ];

    public static readonly Word[] Seasons = [new("春天", "spring"), new("夏天", "summer"), new("秋天", "autumn"), new("冬天", "winter")];

    public static readonly Word[] SeasonWeather =
    [
        new("天气暖和，花都开了", "the weather is warm and the flowers are open"),
        new("天气很热，知了在树上叫", "it is hot and the cicadas sing in the trees"),
        new("天气凉爽，树叶变黄了", "it is cool and the leaves turn yellow"),
        new("天气很冷，有时会下雪", "it is cold and sometimes it snows"),
    ];

    /// <summary>The season of a month, 0 for January: March to May are spring.</summary>
    public static int SeasonOf(int month) => (month + 10) % 12 / 3;
}
